/* dyadic from C: load a compiled network (a .dyq file) and run it. No Python is needed; docs/c-host.md says more.
 *
 *     dyadic_error error;
 *     dyadic_model *model;
 *     if (dyadic_load("model.dyq", NULL, &model, &error))
 *         return fprintf(stderr, "%s\n", error.message), error.code;
 *     dyadic_source in = {image, sizeof image};
 *     dyadic_target out = {scores, sizeof scores};
 *     if (dyadic_run(model, NULL, &in, 1, &out, 1, &error)) ...
 *     dyadic_close(model);
 *
 * Threads: any number of threads may call any of these functions on one model at the same time, dyadic_close excepted,
 * which is for the last of them. Runs at the same time have memory and worker threads of their own, which are kept for
 * later runs. A process that forks may go on in both; the child starts worker threads of its own.
 *
 * Memory: what a function returns by `const char *` or in a description belongs to the model and lasts as long; all
 * buffers belong to the caller, are read or written during the call alone, and are aligned as their type asks.
 *
 * Errors: functions that can fail return a code and, where `error` is not NULL, leave the code and one sentence there.
 * Nothing is thrown, and nothing is printed.
 */
#ifndef DYADIC_H
#define DYADIC_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The version of this interface. What is here stays as it is within a version: functions may be added, and fields at the
 * end of structs that begin with their `size`. dyadic_abi() is what the library speaks. */
#define DYADIC_ABI 1
int32_t dyadic_abi(void);

/* The exit codes of the command line (docs/exit-codes.md). */
enum {
    DYADIC_OK = 0,
    DYADIC_INTERNAL = 1, /* a mistake of dyadic's own */
    DYADIC_USAGE = 2,    /* a wrong argument, or data that do not fit the model */
    DYADIC_ARTIFACT = 5, /* the file is damaged, inconsistent, or of another format version */
    DYADIC_FILE = 6,     /* the file is missing or cannot be read */
    DYADIC_MACHINE = 7,  /* this machine cannot run it */
    DYADIC_RESOURCE = 8  /* too little memory, or threads cannot be started */
};

typedef struct dyadic_error {
    int32_t code;
    char message[1020]; /* one sentence in UTF-8 that ends in 0 and holds no control characters; cut off if longer */
} dyadic_error;

/* Types of numbers; the tens digit is the kind, the ones digit how many bytes. */
enum {
    DYADIC_BOOL = 1, /* a byte, 0 or 1 */
    DYADIC_INT8 = 11,
    DYADIC_INT16 = 12,
    DYADIC_INT32 = 14,
    DYADIC_INT64 = 18,
    DYADIC_UINT8 = 21,
    DYADIC_UINT16 = 22,
    DYADIC_UINT32 = 24,
    DYADIC_UINT64 = 28,
    DYADIC_FLOAT32 = 34
};
int64_t dyadic_type_bytes(int32_t type); /* 0: there is no such type */
const char *dyadic_type_name(int32_t type); /* as numpy's: "float32" */

typedef struct dyadic_model dyadic_model;

/* --- loading */

enum {
    DYADIC_CODE_ONLY = 1, /* do not hash the weights: faster, and damage in them goes unseen */
    DYADIC_COPY = 2,      /* read the file into private memory first; else it is mapped: replace it, never write into it */
    DYADIC_COMPLETE = 4   /* also compute a last Softmax or Sigmoid that the artifact was compiled to leave out */
};

/* All zero, but for the size, is the default: dyadic_options how = {sizeof how}. */
typedef struct dyadic_options {
    int64_t size;        /* sizeof(dyadic_options) */
    int64_t max_batch;   /* the largest batch of a run; 0: 1 */
    int32_t threads;     /* of a run, the caller included; 0: as many as have work worth sharing */
    int32_t flags;       /* the sum of those above */
    const char *isa;     /* an instruction set level instead of the best one that this machine has; NULL */
    const char *variant; /* of several programs, this one; NULL: the first, and those that are it for fewer tokens */
} dyadic_options;

/* Opens, checks and maps an artifact. DYADIC_ISA and DYADIC_SPIN_US are read from the environment, as in Python.
 * *model is NULL where it fails. options may be NULL. */
int dyadic_load(const char *path, const dyadic_options *options, dyadic_model **model, dyadic_error *error);

/* Ends the worker threads and frees the memory. No other call on the model may be in progress. NULL does nothing. */
void dyadic_close(dyadic_model *model);

/* --- what a model is */

/* An input or output. Real numbers are scale * (q - zero_point), q the integers of the network. */
typedef struct dyadic_tensor {
    int64_t size;              /* sizeof(dyadic_tensor), set by the caller */
    const char *name;          /* the user's own */
    int32_t type;              /* of the numbers in a buffer */
    int32_t rank;              /* how many dimensions */
    const int64_t *shape;      /* -1 is the batch; a model that was compiled for the batch it has has none */
    int32_t raw_type;          /* the same with DYADIC_RAW: uint8, int16 or int32 */
    int32_t raw_rank;
    const int64_t *raw_shape;  /* differs from shape where entries are ranked (ArgMax, TopK) */
    float scale;               /* of an output of several parts: of the coarsest */
    int32_t zero_point;
    int32_t parts;             /* how many parts with scales of their own there are: 1 as a rule */
    int32_t token_axis;        /* the dimension that may be shorter, alike in all that have one; -1: none may */
    int32_t has_limits;        /* whether numbers outside low..high are refused, and not clamped */
    int64_t low, high;         /* without limits: of q */
    int64_t padding;           /* the id that may stand behind all others of its row only; -1: any may stand anywhere */
    const char *last;          /* what is done in float last ("softmax", "largest_places"), "" as a rule */
    int32_t last_left_out;     /* whether that is left out, for lack of DYADIC_COMPLETE */
} dyadic_tensor;

typedef struct dyadic_part {
    int64_t size;          /* sizeof(dyadic_part), set by the caller */
    const int64_t *start;  /* where it begins in the output, without the batch */
    const int64_t *shape;  /* without the batch */
    int32_t rank;          /* of both */
    int32_t zero_point;
    float scale;
} dyadic_part;

/* A whole number that every run is given besides: no network that the compiler makes has any yet. */
typedef struct dyadic_scalar {
    int64_t size; /* sizeof(dyadic_scalar), set by the caller */
    const char *name;
    int64_t low, high;
} dyadic_scalar;

int32_t dyadic_input_count(const dyadic_model *model);
int32_t dyadic_output_count(const dyadic_model *model);
int32_t dyadic_scalar_count(const dyadic_model *model);
int dyadic_input(const dyadic_model *model, int32_t index, dyadic_tensor *tensor, dyadic_error *error);
int dyadic_output(const dyadic_model *model, int32_t index, dyadic_tensor *tensor, dyadic_error *error);
int dyadic_output_part(const dyadic_model *model, int32_t index, int32_t part, dyadic_part *described,
                       dyadic_error *error);
int dyadic_scalar_at(const dyadic_model *model, int32_t index, dyadic_scalar *scalar, dyadic_error *error);
const char *dyadic_level(const dyadic_model *model); /* the instruction set level that it runs */
int32_t dyadic_threads(const dyadic_model *model);
int64_t dyadic_max_batch(const dyadic_model *model);

/* --- running */

enum {
    DYADIC_RAW = 1 /* inputs and outputs are the integers of the network: raw_type, raw_shape; no float function follows */
};

typedef struct dyadic_run_options {
    int64_t size;           /* sizeof(dyadic_run_options) */
    int64_t batch;          /* how many images (or whole sets of inputs), 1 to max_batch; 0: 1 */
    int64_t tokens;         /* how many tokens, where inputs have them; 0: as many as the longest program takes */
    int32_t flags;
    int32_t scalar_count;
    const int64_t *scalars; /* in the order of dyadic_scalar_at; NULL where there are none */
} dyadic_run_options;

typedef struct dyadic_source {
    const void *data;
    int64_t bytes;
} dyadic_source;

typedef struct dyadic_target {
    void *data; /* NULL: this output is not wanted */
    int64_t bytes;
} dyadic_target;

/* How many bytes an input or output has in a run. how may be NULL. */
int dyadic_input_bytes(const dyadic_model *model, int32_t index, const dyadic_run_options *how, int64_t *bytes,
                       dyadic_error *error);
int dyadic_output_bytes(const dyadic_model *model, int32_t index, const dyadic_run_options *how, int64_t *bytes,
                        dyadic_error *error);

/* One run: a buffer for every input and output, in order, each dense, in row-major order, of exactly the bytes above.
 * Inputs and outputs must not overlap. Where it fails, outputs may hold anything. */
int dyadic_run(dyadic_model *model, const dyadic_run_options *how, const dyadic_source *inputs, int32_t input_count,
               const dyadic_target *outputs, int32_t output_count, dyadic_error *error);

/* Makes the state zero again that runs leave for the next, where the network has any. */
int dyadic_reset(dyadic_model *model, dyadic_error *error);

#ifdef __cplusplus
}
#endif

#endif
