/* Runs an artifact on files, from C:
 *
 *     ./run MODEL.dyq INPUT... [--batch N] [--write PREFIX]
 *
 * An INPUT is a .npy file, or any other one that holds nothing but the numbers; one for each input of the model, in its
 * order. Prints what the model takes and gives, and the first numbers of every output; with --write, output i goes whole
 * to the file PREFIX<i>.raw. Ends with the codes of docs/exit-codes.md.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dyadic.h"

enum { MOST = 64 };

static int fail(int code, const char *sentence) {
    fprintf(stderr, "run: %s\n", sentence);
    return code;
}

static void print_tensor(const char *kind, const dyadic_tensor *t) {
    printf("%s '%s' %s [", kind, t->name, dyadic_type_name(t->type));
    for (int i = 0; i < t->rank; i++)
        t->shape[i] < 0 ? printf("%sN", i ? ", " : "") : printf("%s%lld", i ? ", " : "", (long long)t->shape[i]);
    printf("], steps of %g, zero at %d", (double)t->scale, t->zero_point);
    if (t->has_limits)
        printf(", from %lld to %lld", (long long)t->low, (long long)t->high);
    printf("\n");
}

/* numpy's name of a type in the header of a .npy file. */
static const char *npy_name(int32_t type) {
    switch (type) {
    case DYADIC_BOOL: return "'|b1'";
    case DYADIC_INT8: return "'|i1'";
    case DYADIC_UINT8: return "'|u1'";
    case DYADIC_INT32: return "'<i4'";
    case DYADIC_INT64: return "'<i8'";
    case DYADIC_FLOAT32: return "'<f4'";
    default: return "?";
    }
}

/* The numbers of a file, `bytes` of them: 0, or an exit code and a sentence. */
static int read_numbers(const char *path, int32_t type, int64_t bytes, void *numbers, char *sentence, size_t room) {
    FILE *file = fopen(path, "rb");
    unsigned char start[12] = {0};
    char header[65536] = "";
    int code = 0;
    if (!file)
        return snprintf(sentence, room, "cannot read '%s'", path), DYADIC_FILE;
    if (fread(start, 1, 10, file) == 10 && memcmp(start, "\x93NUMPY", 6) == 0) {
        size_t length = start[8] | start[9] << 8;
        if (start[6] > 1 || fread(header, 1, length, file) != length)
            code = DYADIC_USAGE, snprintf(sentence, room, "'%s' is no .npy file of version 1", path);
        else if (!strstr(header, npy_name(type)) || strstr(header, "'fortran_order': True"))
            code = DYADIC_USAGE, snprintf(sentence, room, "'%s' does not hold %s in C order", path, dyadic_type_name(type));
    } else {
        rewind(file);
    }
    if (!code && (fread(numbers, 1, bytes, file) != (size_t)bytes || fgetc(file) != EOF))
        code = DYADIC_USAGE, snprintf(sentence, room, "'%s' does not hold %lld bytes of numbers", path, (long long)bytes);
    fclose(file);
    return code;
}

static void print_numbers(const dyadic_tensor *t, int64_t bytes, const void *numbers) {
    const int64_t count = bytes / dyadic_type_bytes(t->type);
    printf("%s:", t->name);
    for (int64_t i = 0; i < count && i < 10; i++)
        t->type == DYADIC_FLOAT32  ? printf(" %g", (double)((const float *)numbers)[i])
        : t->type == DYADIC_INT64 ? printf(" %lld", (long long)((const int64_t *)numbers)[i])
        : t->type == DYADIC_INT32 ? printf(" %d", ((const int32_t *)numbers)[i])
        : t->type == DYADIC_INT8  ? printf(" %d", ((const int8_t *)numbers)[i])
                                  : printf(" %u", ((const uint8_t *)numbers)[i]);
    printf(count > 10 ? " ...\n" : "\n");
}

int main(int argc, char **argv) {
    const char *files[MOST], *prefix = NULL;
    int given = 0, code = 0;
    dyadic_options options = {.size = sizeof options, .max_batch = 1};
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--batch") == 0 && i + 1 < argc)
            options.max_batch = atoll(argv[++i]);
        else if (strcmp(argv[i], "--write") == 0 && i + 1 < argc)
            prefix = argv[++i];
        else if (given < MOST)
            files[given++] = argv[i];
    }
    if (given < 1)
        return fail(DYADIC_USAGE, "usage: run MODEL.dyq INPUT... [--batch N] [--write PREFIX]");

    dyadic_error error;
    dyadic_model *model;
    if (dyadic_load(files[0], &options, &model, &error))
        return fail(error.code, error.message);
    const dyadic_run_options how = {.size = sizeof how, .batch = dyadic_max_batch(model)};
    const int inputs = dyadic_input_count(model), outputs = dyadic_output_count(model);
    dyadic_source sources[MOST] = {{0}};
    dyadic_target targets[MOST] = {{0}};
    dyadic_tensor tensor = {.size = sizeof tensor};
    if (inputs > MOST || outputs > MOST || given - 1 != inputs) {
        for (int i = 0; i < inputs; i++)
            if (!dyadic_input(model, i, &tensor, &error))
                print_tensor("input", &tensor);
        code = fail(DYADIC_USAGE, "give a file for each of these inputs");
    }
    for (int i = 0; !code && i < inputs; i++) {
        if ((code = dyadic_input(model, i, &tensor, &error)) ||
            (code = dyadic_input_bytes(model, i, &how, &sources[i].bytes, &error)))
            break;
        print_tensor("input", &tensor);
        void *numbers = malloc(sources[i].bytes);
        sources[i].data = numbers;
        code = numbers ? read_numbers(files[i + 1], tensor.type, sources[i].bytes, numbers, error.message,
                                      sizeof error.message)
                       : DYADIC_RESOURCE;
    }
    for (int i = 0; !code && i < outputs; i++) {
        if ((code = dyadic_output_bytes(model, i, &how, &targets[i].bytes, &error)))
            break;
        targets[i].data = malloc(targets[i].bytes);
        code = targets[i].data ? 0 : DYADIC_RESOURCE;
    }
    if (!code)
        code = dyadic_run(model, &how, sources, inputs, targets, outputs, &error);
    if (code && error.message[0])
        fail(code, error.message);

    for (int i = 0; !code && i < outputs; i++) {
        dyadic_output(model, i, &tensor, &error);
        print_tensor("output", &tensor);
        print_numbers(&tensor, targets[i].bytes, targets[i].data);
        if (prefix) {
            char path[4096];
            snprintf(path, sizeof path, "%s%d.raw", prefix, i);
            FILE *file = fopen(path, "wb");
            if (!file || fwrite(targets[i].data, 1, targets[i].bytes, file) != (size_t)targets[i].bytes)
                code = fail(DYADIC_FILE, "cannot write the outputs");
            if (file && fclose(file) != 0)
                code = fail(DYADIC_FILE, "cannot write the outputs");
        }
    }
    for (int i = 0; i < MOST; i++)
        free((void *)sources[i].data), free(targets[i].data);
    dyadic_close(model);
    return code;
}
