// A compiled network as the native side holds it: what model.cpp maps and run.cpp runs.
#ifndef DYADIC_MODEL_H
#define DYADIC_MODEL_H

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <atomic>

#include "boundary.h"
#include "packed.h"

#define PUBLIC extern "C" __attribute__((visibility("default")))

namespace dyadic {

const int64_t SLACK = 64;
const int MAX_INPUTS = 4, MAX_SCALARS = 16;
enum Kind { ARENA, STATE, SCALARS };

struct Message {
    char *text;
    int64_t bytes;

    int operator()(int code, const char *format, ...) const __attribute__((format(printf, 3, 4))) {
        va_list arguments;
        va_start(arguments, format);
        if (text && bytes > 0)
            vsnprintf(text, bytes, format, arguments);
        va_end(arguments);
        return code;
    }
};

struct Reference {
    int64_t buffer, offset; // buffer -1: the weights
};

struct Buffer {
    int64_t kind, offset; // in an image's memory of that kind
};

struct Tensor {
    Reference at;
    Boundary boundary;
    int64_t elements;      // from one image to the next, outside: of the whole array, where this is a part of it
    int64_t integer_bytes; // of an element, where integers are given or taken
    bool is_float;
};

struct Step {
    dyadic_kernel kernel;
    Reference out, in[MAX_INPUTS];
    int64_t inputs, weights, params, tiles;
    int64_t weight_tiles; // that follow each other with the same weights, or 0
    bool overlap; // may run without a barrier after the step before it
};

} // namespace dyadic

struct dyadic_program {
    std::atomic<int> references{1};
    uint8_t *file = nullptr;
    int64_t file_bytes = 0;
    uint8_t *code_map = nullptr;
    int64_t code_map_bytes = 0;
    bool code_is_copied = false;
    const uint8_t *code = nullptr, *weights = nullptr, *params = nullptr;
    int64_t arena_bytes = 0, scratch_bytes = 0, state_bytes = 0, scalars = 0;
    int64_t buffers = 0, inputs = 0, outputs = 0, steps = 0;
    int64_t together = 0; // the first step that takes all images before the next step begins
    dyadic::Buffer *buffer = nullptr;
    dyadic::Tensor *input = nullptr, *output = nullptr;
    dyadic::Step *step = nullptr;
};

namespace dyadic {

// Gives up one use of a model; the last one frees it.
void release(dyadic_program *m);

} // namespace dyadic

#endif
