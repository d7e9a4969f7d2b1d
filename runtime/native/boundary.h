// Between the user's floats and the integer network: the only floating point in the runtime itself.
#ifndef DYADIC_BOUNDARY_H
#define DYADIC_BOUNDARY_H

#include <stdint.h>

#ifdef __x86_64__
#include <xmmintrin.h>
#endif

namespace dyadic {

// A host may have changed rounding, or asked for subnormal numbers to be flushed; the law knows neither. For as long as
// this lives, its thread computes by the law: at the boundary, and in the kernels of float islands.
struct DefaultFloatingPoint {
#ifdef __x86_64__
    const uint32_t saved = _mm_getcsr();
    DefaultFloatingPoint() { _mm_setcsr(0x1f80); }
    ~DefaultFloatingPoint() { _mm_setcsr(saved); }
#endif
};

// Where a tensor of `channels` x `height` x `width` lies, on both sides. Strides: bytes inside, elements outside.
struct Boundary {
    int64_t channels, height, width;
    int64_t pixel, row;                            // inside: bytes from one pixel, one row to the next
    int64_t plane;                                 // inside: from the low byte of 16-bit integers to the high one, or 0
    int64_t top, left, bottom, right;              // halo, in pixels
    int64_t lanes;                                 // bytes of a pixel that are ours to write
    int64_t from_channel, from_pixel, from_row;    // outside: elements
    float scale;
    int32_t zero_point, lo, hi;
    int32_t behind; // what the lanes behind the channels of a real pixel hold
};

// q = clamp(rint(x / scale) + zero_point, lo, hi) for one row, its halo included; row counts from -top to
// height + bottom - 1. `x` is the image's first element, `q` its first real pixel.
void quantize_row(const Boundary &t, const float *x, uint8_t *q, int64_t row);

// The same for integers given directly, uint8_t or, with a plane, int16_t; they are clamped to lo and hi, on which the
// proofs rest.
void copy_row_in(const Boundary &t, const void *x, uint8_t *q, int64_t row);

// x = (q - zero_point) * scale, and the integers themselves.
void dequantize_row(const Boundary &t, const uint8_t *q, float *x, int64_t row);
void copy_row_out(const Boundary &t, const uint8_t *q, void *x, int64_t row);

} // namespace dyadic

#endif
