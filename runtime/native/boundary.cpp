// Between the user's floats and the integer network: the only floating point in the runtime.
//
// The law: q = clamp(rint_half_even(fl32(x / S)) + zp, lo, hi), one IEEE division, NaN becomes zp, infinities saturate;
// back, x = fl32(fl32(q - zp) * S), no fused multiply-add. Integers of 16 bits lie in two planes of bytes, the low ones
// and, 128 larger so that they are unsigned, the high ones; their zero point is 0. Each loop is compiled for several instruction sets from one
// body; IEEE arithmetic makes their results the same.
#include "boundary.h"

#include <string.h>

#include <atomic>
#include <type_traits>

#include "packed.h"

#define INLINE static inline __attribute__((always_inline))

namespace dyadic {
namespace {

const int64_t CHUNK = 64; // pixels of a row that are transposed at once

struct Law {
    float scale, lo, hi; // lo and hi relative to the zero point
    uint32_t zero_point;
    uint8_t lo_byte, hi_byte;
    int16_t lo_word, hi_word;
};

struct FloatIn {
    using Source = float;
    INLINE void span(const Law &law, const float *__restrict x, uint8_t *__restrict q, int64_t n) {
        for (int64_t i = 0; i < n; i++) {
            float v = x[i] / law.scale;
            v = v == v ? v : 0.0f;
            // Clamping to integers first and rounding then is the same, and keeps the next trick exact:
            v = v > law.lo ? v : law.lo;
            v = v < law.hi ? v : law.hi;
            v += 12582912.0f; // 1.5 * 2^23: the addition rounds to an integer, half to even, in the low bits
            uint32_t bits;
            memcpy(&bits, &v, sizeof bits);
            q[i] = (uint8_t)(bits + law.zero_point);
        }
    }
};

struct WordIn { // floats to int16_t
    using Source = float;
    INLINE void span(const Law &law, const float *__restrict x, int16_t *__restrict q, int64_t n) {
        for (int64_t i = 0; i < n; i++) {
            float v = x[i] / law.scale;
            v = v == v ? v : 0.0f;
            v = v > law.lo ? v : law.lo;
            v = v < law.hi ? v : law.hi;
            v += 12582912.0f; // as above: the low bits are the integer's
            uint32_t bits;
            memcpy(&bits, &v, sizeof bits);
            q[i] = (int16_t)bits;
        }
    }
};

struct RawWordIn {
    using Source = int16_t;
    INLINE void span(const Law &law, const int16_t *__restrict x, int16_t *__restrict q, int64_t n) {
        for (int64_t i = 0; i < n; i++) {
            const int16_t v = x[i] > law.lo_word ? x[i] : law.lo_word;
            q[i] = v < law.hi_word ? v : law.hi_word;
        }
    }
};

struct ByteIn {
    using Source = uint8_t;
    INLINE void span(const Law &law, const uint8_t *__restrict x, uint8_t *__restrict q, int64_t n) {
        for (int64_t i = 0; i < n; i++) {
            const uint8_t v = x[i] > law.lo_byte ? x[i] : law.lo_byte;
            q[i] = v < law.hi_byte ? v : law.hi_byte;
        }
    }
};

struct FloatOut {
    using Target = float;
    INLINE float value(const Law &law, uint8_t q) { return (float)((int32_t)q - (int32_t)law.zero_point) * law.scale; }
};

struct ByteOut {
    using Target = uint8_t;
    INLINE uint8_t value(const Law &, uint8_t q) { return q; }
};

INLINE int16_t word_of(const uint8_t *q, int64_t plane) { return (int16_t)(q[0] | (q[plane] ^ 0x80) << 8); }

struct WordOut {
    using Target = float;
    INLINE float value(const Law &law, int16_t q) { return (float)q * law.scale; }
};

struct RawWordOut {
    using Target = int16_t;
    INLINE int16_t value(const Law &, int16_t q) { return q; }
};

INLINE Law law_of(const Boundary &t) {
    return {t.scale,        (float)(t.lo - t.zero_point), (float)(t.hi - t.zero_point), (uint32_t)t.zero_point,
            (uint8_t)t.lo,  (uint8_t)t.hi,                (int16_t)t.lo,                (int16_t)t.hi};
}

// Three bytes a pixel to four, the last of which is `behind`.
template <bool shuffles> INLINE void spread(const uint8_t *__restrict x, uint8_t *__restrict q, int64_t n, uint8_t behind) {
    int64_t i = 0;
    if constexpr (shuffles) { // one instruction where there is one for it
        typedef uint8_t Bytes __attribute__((vector_size(16)));
        const uint8_t b = behind;
        const Bytes others = {0, 0, 0, b, 0, 0, 0, b, 0, 0, 0, b, 0, 0, 0, b};
        const Bytes ours = {255, 255, 255, 0, 255, 255, 255, 0, 255, 255, 255, 0, 255, 255, 255, 0};
        for (; 3 * i + 16 <= 3 * n; i += 4) {
            Bytes four;
            memcpy(&four, x + 3 * i, sizeof four);
#ifdef __clang__
            four = __builtin_shufflevector(four, four, 0, 1, 2, 0, 3, 4, 5, 0, 6, 7, 8, 0, 9, 10, 11, 0);
#else
            const Bytes places = {0, 1, 2, 0, 3, 4, 5, 0, 6, 7, 8, 0, 9, 10, 11, 0};
            four = __builtin_shuffle(four, places);
#endif
            four = (four & ours) | others;
            memcpy(q + 4 * i, &four, sizeof four);
        }
    }
    const uint64_t others = (uint64_t)behind << 24 | (uint64_t)behind << 56;
    for (; 3 * i + 8 <= 3 * n; i += 2) {
        uint64_t two;
        memcpy(&two, x + 3 * i, sizeof two);
        two = (two & 0xffffff) | (two << 8 & 0xffffff00000000) | others;
        memcpy(q + 4 * i, &two, sizeof two);
    }
    for (; i < n; i++) {
        memcpy(q + 4 * i, x + 3 * i, 3);
        q[4 * i + 3] = behind;
    }
}

// Three planes of bytes to pixels of four, the last of which is `behind`.
INLINE void interleave(const uint8_t *__restrict a, const uint8_t *__restrict b, const uint8_t *__restrict c,
                       uint8_t *__restrict q, int64_t n, uint8_t behind) {
    for (int64_t i = 0; i < n; i++) {
        const uint32_t word = (uint32_t)a[i] | (uint32_t)b[i] << 8 | (uint32_t)c[i] << 16 | (uint32_t)behind << 24;
        memcpy(q + 4 * i, &word, 4);
    }
}

INLINE void fill(const Boundary &t, uint8_t *q, int64_t pixels) {
    if (t.lanes == t.pixel) {
        memset(q, t.zero_point, pixels * t.pixel);
        return;
    }
    for (int64_t i = 0; i < pixels; i++)
        memset(q + i * t.pixel, t.zero_point, t.lanes);
}

template <class In, bool shuffles> INLINE void row_in(const Boundary &t, const typename In::Source *x, uint8_t *q, int64_t row) {
    const Law law = law_of(t);
    uint8_t *out = q + row * t.row;
    if (row < 0 || row >= t.height)
        return fill(t, out - t.left * t.pixel, t.left + t.width + t.right);
    fill(t, out - t.left * t.pixel, t.left);
    fill(t, out + t.width * t.pixel, t.right);
    const typename In::Source *from = x + row * t.from_row;

    if constexpr (std::is_same<In, ByteIn>::value)
        if (t.channels == 3 && t.pixel == 4 && t.lanes == 4 && t.lo == 0 && t.hi == 255) { // images
            if (t.from_channel == 1 && t.from_pixel == 3)
                return spread<shuffles>(from, out, t.width, (uint8_t)t.behind);
            if (t.from_pixel == 1)
                return interleave(from, from + t.from_channel, from + 2 * t.from_channel, out, t.width,
                                  (uint8_t)t.behind);
        }

    if (t.from_channel == 1) { // a pixel's channels are together on both sides
        if (t.pixel == t.channels && t.from_pixel == t.channels)
            return In::span(law, from, out, t.width * t.channels);
        for (int64_t i = 0; i < t.width; i++) {
            In::span(law, from + i * t.from_pixel, out + i * t.pixel, t.channels);
            memset(out + i * t.pixel + t.channels, t.behind, t.lanes - t.channels);
        }
        return;
    }

    // Planes outside, pixels inside: transpose through a small block, eight channels of a chunk at a time.
    alignas(64) uint8_t block[8][CHUNK];
    for (int64_t start = 0; start < t.width; start += CHUNK) {
        const int64_t n = t.width - start < CHUNK ? t.width - start : CHUNK;
        uint8_t *pixels = out + start * t.pixel;
        for (int64_t channel = 0; channel < t.channels; channel += 8) {
            const int64_t some = t.channels - channel < 8 ? t.channels - channel : 8;
            for (int64_t c = 0; c < some; c++)
                In::span(law, from + (channel + c) * t.from_channel + start, block[c], n);
            if (t.pixel == 4 && t.lanes == 4) { // images: whole pixels as words
                for (int64_t c = some; c < 4; c++)
                    memset(block[c], t.behind, CHUNK);
                for (int64_t i = 0; i < n; i++) {
                    const uint32_t word = (uint32_t)block[0][i] | (uint32_t)block[1][i] << 8 |
                                          (uint32_t)block[2][i] << 16 | (uint32_t)block[3][i] << 24;
                    memcpy(pixels + 4 * i, &word, 4);
                }
                continue;
            }
            if (some == 8) {
                for (int64_t i = 0; i < n; i++) {
                    uint8_t eight[8];
                    for (int c = 0; c < 8; c++)
                        eight[c] = block[c][i];
                    memcpy(pixels + i * t.pixel + channel, eight, 8);
                }
                continue;
            }
            for (int64_t c = 0; c < some; c++)
                for (int64_t i = 0; i < n; i++)
                    pixels[i * t.pixel + channel + c] = block[c][i];
        }
        if (t.lanes > t.channels && !(t.pixel == 4 && t.lanes == 4))
            for (int64_t i = 0; i < n; i++)
                memset(pixels + i * t.pixel + t.channels, t.behind, t.lanes - t.channels);
    }
}

// The bytes of a 16-bit 0 into some pixels.
INLINE void fill_words(const Boundary &t, uint8_t *q, int64_t pixels) {
    for (int64_t i = 0; i < pixels; i++) {
        memset(q + i * t.pixel, 0, t.lanes);
        memset(q + t.plane + i * t.pixel, 0x80, t.lanes);
    }
}

template <class In> INLINE void words_in(const Boundary &t, const typename In::Source *x, uint8_t *q, int64_t row) {
    const Law law = law_of(t);
    uint8_t *out = q + row * t.row;
    if (row < 0 || row >= t.height)
        return fill_words(t, out - t.left * t.pixel, t.left + t.width + t.right);
    fill_words(t, out - t.left * t.pixel, t.left);
    fill_words(t, out + t.width * t.pixel, t.right);
    const typename In::Source *from = x + row * t.from_row;

    // Whatever is together outside goes through a block: a pixel's channels, or a channel's pixels.
    const bool pixels = t.from_channel == 1;
    const int64_t runs = pixels ? t.width : t.channels, length = pixels ? t.channels : t.width;
    const int64_t from_run = pixels ? t.from_pixel : t.from_channel;
    const int64_t to_run = pixels ? t.pixel : 1, to_next = pixels ? 1 : t.pixel;
    int16_t block[CHUNK];
    for (int64_t run = 0; run < runs; run++)
        for (int64_t start = 0; start < length; start += CHUNK) {
            const int64_t n = length - start < CHUNK ? length - start : CHUNK;
            In::span(law, from + run * from_run + start, block, n);
            uint8_t *to = out + run * to_run + start * to_next;
            for (int64_t i = 0; i < n; i++) {
                to[i * to_next] = (uint8_t)block[i];
                to[t.plane + i * to_next] = (uint8_t)((uint16_t)block[i] >> 8 ^ 0x80);
            }
        }
    for (int64_t i = 0; t.lanes > t.channels && i < t.width; i++) {
        memset(out + i * t.pixel + t.channels, 0, t.lanes - t.channels);
        memset(out + t.plane + i * t.pixel + t.channels, 0x80, t.lanes - t.channels);
    }
}

template <class Out> INLINE void words_out(const Boundary &t, const uint8_t *q, typename Out::Target *x, int64_t row) {
    const Law law = law_of(t);
    const uint8_t *from = q + row * t.row;
    typename Out::Target *to = x + row * t.from_row;
    for (int64_t i = 0; i < t.width; i++)
        for (int64_t c = 0; c < t.channels; c++)
            to[i * t.from_pixel + c * t.from_channel] = Out::value(law, word_of(from + i * t.pixel + c, t.plane));
}

template <class Out> INLINE void row_out(const Boundary &t, const uint8_t *q, typename Out::Target *x, int64_t row) {
    const Law law = law_of(t);
    const uint8_t *from = q + row * t.row;
    typename Out::Target *to = x + row * t.from_row;
    if (t.from_channel == 1) {
        for (int64_t i = 0; i < t.width; i++)
            for (int64_t c = 0; c < t.channels; c++)
                to[i * t.from_pixel + c] = Out::value(law, from[i * t.pixel + c]);
        return;
    }
    for (int64_t c = 0; c < t.channels; c++)
        for (int64_t i = 0; i < t.width; i++)
            to[c * t.from_channel + i] = Out::value(law, from[i * t.pixel + c]);
}

// One body, several instruction sets.
#define VERSIONS(attributes, suffix, shuffles)                                                                         \
    attributes void quantize_##suffix(const Boundary &t, const float *x, uint8_t *q, int64_t row) {                    \
        t.plane ? words_in<WordIn>(t, x, q, row) : row_in<FloatIn, shuffles>(t, x, q, row);                            \
    }                                                                                                                  \
    attributes void copy_in_##suffix(const Boundary &t, const void *x, uint8_t *q, int64_t row) {                      \
        t.plane ? words_in<RawWordIn>(t, static_cast<const int16_t *>(x), q, row)                                      \
                : row_in<ByteIn, shuffles>(t, static_cast<const uint8_t *>(x), q, row);                                \
    }                                                                                                                  \
    attributes void dequantize_##suffix(const Boundary &t, const uint8_t *q, float *x, int64_t row) {                  \
        t.plane ? words_out<WordOut>(t, q, x, row) : row_out<FloatOut>(t, q, x, row);                                  \
    }                                                                                                                  \
    attributes void copy_out_##suffix(const Boundary &t, const uint8_t *q, void *x, int64_t row) {                     \
        t.plane ? words_out<RawWordOut>(t, q, static_cast<int16_t *>(x), row)                                          \
                : row_out<ByteOut>(t, q, static_cast<uint8_t *>(x), row);                                              \
    }

struct Table {
    void (*quantize)(const Boundary &, const float *, uint8_t *, int64_t);
    void (*copy_in)(const Boundary &, const void *, uint8_t *, int64_t);
    void (*dequantize)(const Boundary &, const uint8_t *, float *, int64_t);
    void (*copy_out)(const Boundary &, const uint8_t *, void *, int64_t);
};

#define TABLE(suffix)                                                                                                  \
    const Table table_##suffix = {quantize_##suffix, copy_in_##suffix, dequantize_##suffix, copy_out_##suffix};

#ifdef __aarch64__
const bool SHUFFLES = true;
#else
const bool SHUFFLES = false;
#endif
VERSIONS(__attribute__((noinline)), portable, SHUFFLES)
TABLE(portable)

#ifdef __x86_64__
VERSIONS(__attribute__((noinline, target("avx2"))), avx2, true)
TABLE(avx2)
VERSIONS(__attribute__((noinline, target("avx512f,avx512bw,avx512dq,avx512vl"))), avx512, true)
TABLE(avx512)

bool has(const char *feature) {
    const size_t length = strlen(feature);
    for (const char *at = dyadic_cpu_features(); (at = strstr(at, feature)); at += length)
        if (at[length] == ' ' || at[length] == 0)
            return true;
    return false;
}

const Table *choose() {
    if (has("avx512bw") && has("avx512dq") && has("avx512vl"))
        return &table_avx512;
    return has("avx2") ? &table_avx2 : &table_portable;
}

#else
const Table *choose() { return &table_portable; }
#endif

const Table &table() {
    static std::atomic<const Table *> chosen; // threads that choose at the same time choose the same
    const Table *known = chosen.load(std::memory_order_relaxed);
    if (!known)
        chosen.store(known = choose(), std::memory_order_relaxed);
    return *known;
}

} // namespace

void quantize_row(const Boundary &t, const float *x, uint8_t *q, int64_t row) {
    table().quantize(t, x, q, row);
}

void copy_row_in(const Boundary &t, const void *x, uint8_t *q, int64_t row) { table().copy_in(t, x, q, row); }

void dequantize_row(const Boundary &t, const uint8_t *q, float *x, int64_t row) {
    table().dequantize(t, q, x, row);
}

void copy_row_out(const Boundary &t, const uint8_t *q, void *x, int64_t row) { table().copy_out(t, q, x, row); }

} // namespace dyadic
