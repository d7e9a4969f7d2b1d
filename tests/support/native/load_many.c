/* Loads every artifact that standard input names, a line each, and runs those that say so by a `+` in front, on buffers
 * of just the right size. Prints a line each: the code of loading, and of running. For sanitizers. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dyadic.h"

enum { MOST = 16, MOST_BYTES = 64 << 20 };

static int run(dyadic_model *model, int raw) {
    dyadic_error error;
    const dyadic_run_options how = {.size = sizeof how, .batch = dyadic_max_batch(model), .flags = raw};
    dyadic_source sources[MOST] = {{0}};
    dyadic_target targets[MOST] = {{0}};
    const int inputs = dyadic_input_count(model), outputs = dyadic_output_count(model);
    int code = inputs > MOST || outputs > MOST ? DYADIC_RESOURCE : 0;
    for (int i = 0; !code && i < inputs; i++) {
        code = dyadic_input_bytes(model, i, &how, &sources[i].bytes, &error);
        if (!code && sources[i].bytes > MOST_BYTES)
            code = DYADIC_RESOURCE;
        if (!code) {
            unsigned char *bytes = malloc(sources[i].bytes);
            for (int64_t at = 0; at < sources[i].bytes; at++)
                bytes[at] = (unsigned char)(at * 37 + (at >> 5));
            sources[i].data = bytes;
        }
    }
    for (int i = 0; !code && i < outputs; i++) {
        code = dyadic_output_bytes(model, i, &how, &targets[i].bytes, &error);
        if (!code && targets[i].bytes > MOST_BYTES)
            code = DYADIC_RESOURCE;
        if (!code)
            targets[i].data = malloc(targets[i].bytes);
    }
    if (!code)
        code = dyadic_run(model, &how, sources, inputs, targets, outputs, &error);
    for (int i = 0; i < MOST; i++)
        free((void *)sources[i].data), free(targets[i].data);
    return code;
}

int main(void) {
    char line[4096];
    while (fgets(line, sizeof line, stdin)) {
        line[strcspn(line, "\n")] = 0;
        dyadic_error error;
        dyadic_model *model;
        const dyadic_options options = {.size = sizeof options, .max_batch = 2, .threads = 1};
        const int code = dyadic_load(line + 1, &options, &model, &error);
        int ran = 0;
        if (!code && line[0] == '+')
            for (int raw = 0; raw < 2 && !ran; raw++)
                ran = run(model, raw);
        printf("%d %d %s\n", code, ran, code ? error.message : "");
        dyadic_close(model);
    }
    return 0;
}
