/* What maps a checked program and runs it: Python reaches this through ctypes, dyadic.h's functions call it too. It
 * changes from version to version; hosts use dyadic.h.
 *
 * A program is immutable and may be shared by any number of contexts. A context holds the memory and the threads of one
 * run at a time; two runs at the same time need two contexts.
 *
 * Functions that can fail return one of dyadic.h's codes and leave one sentence in `message`.
 */
#ifndef DYADIC_PACKED_H
#define DYADIC_PACKED_H

#include <stdint.h>

#include "dyadic.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct dyadic_program dyadic_program;
typedef struct dyadic_context dyadic_context;

/* A kernel computes tiles first..last-1 of a step. A step has `tiles` tiles an image; tile t belongs to image
 * t / tiles, and images of one buffer are its size apart. The runtime asks for tiles of one image at a time, since every
 * image has an arena of its own. Arena, weights and scratch end in 64 readable bytes. */
typedef void (*dyadic_kernel)(const uint8_t *const *in, uint8_t *out, const uint8_t *weights, const int32_t *params,
                              uint8_t *scratch, int64_t first, int64_t last);

/* Names the C++ sources that this library was built from. */
const char *dyadic_source_digest(void);

/* What this processor and its operating system offer, as LLVM names separated by spaces. */
const char *dyadic_cpu_features(void);

/* Linux hands out the AMX tile registers on request, once a process. Returns 0 or errno. */
int dyadic_request_amx(void);

/* `packed` is what runtime/cpu/program.py or pack.cpp make; it was checked before and is trusted here.
 * With `copy_code` the code is copied into anonymous memory instead of being mapped from the file. */
int dyadic_program_open(int file, const int64_t *packed, int64_t words, int copy_code, dyadic_program **program,
                      char *message, int64_t message_bytes);
void dyadic_program_close(dyadic_program *program); /* contexts keep what they use */
int dyadic_program_code_is_copied(const dyadic_program *program);

int dyadic_context_open(dyadic_program *program, int threads, int64_t max_batch, int64_t spin_ns, dyadic_context **context,
                        char *message, int64_t message_bytes);
void dyadic_context_close(dyadic_context *context);

/* What runs leave for the next one, zero at first: that of every image, one after the other. */
void *dyadic_context_state(dyadic_context *context, int64_t *bytes);

/* Inputs and outputs are contiguous, in the user's shape. With `raw`, they are the bytes of the integer tensors instead
 * of floats. `scalars` are as many as the program has. `times`, if not null, receives steps + 2 durations in ns: quantize,
 * each step, dequantize. */
int dyadic_context_run(dyadic_context *context, const void *const *inputs, void *const *outputs, int64_t batch, int raw,
                       const int64_t *scalars, int64_t *times, char *message, int64_t message_bytes);

#ifdef __cplusplus
}
#endif

#endif
