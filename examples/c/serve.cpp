// One model for many threads, and for a child of the process, from C++:
//
//     ./serve MODEL.dyq [THREADS [RUNS]]
//
// Every thread runs the model on inputs of its own, and knows from a run before what should come out. Then the process
// forks, and both it and its child go on with the same model. Ends with the codes of docs/exit-codes.md; 1: some answer
// was another one.
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <random>
#include <thread>

#include "dyadic.hpp"

namespace {

using Bytes = std::vector<unsigned char>;

// Numbers of the right type in the right limits: a few steps around zero where any will do.
Bytes numbers_for(const dyadic::Model &model, int index, unsigned seed) {
    const dyadic::Tensor &tensor = model.inputs()[index];
    std::mt19937 dice(seed);
    Bytes made(model.input_bytes(index));
    const int64_t bytes = dyadic_type_bytes(tensor.type);
    const int64_t low = tensor.low + (tensor.padding == tensor.low), range = tensor.high - low + 1;
    for (size_t at = 0; at < made.size(); at += bytes) {
        const int64_t whole = low + dice() % range;
        if (tensor.type == DYADIC_FLOAT32) {
            const float value = tensor.has_limits ? (float)whole : (float)(whole - tensor.zero_point) * tensor.scale;
            memcpy(&made[at], &value, sizeof value);
        } else {
            memcpy(&made[at], &whole, bytes); // the low bytes come first
        }
    }
    return made;
}

std::vector<Bytes> run(const dyadic::Model &model, unsigned seed) {
    std::vector<Bytes> inputs, outputs;
    std::vector<dyadic_source> sources;
    std::vector<dyadic_target> targets;
    for (size_t i = 0; i < model.inputs().size(); i++)
        inputs.push_back(numbers_for(model, i, seed + i));
    for (const Bytes &input : inputs)
        sources.push_back({input.data(), (int64_t)input.size()});
    for (size_t i = 0; i < model.outputs().size(); i++)
        outputs.emplace_back(model.output_bytes(i));
    for (Bytes &output : outputs)
        targets.push_back({output.data(), (int64_t)output.size()});
    dyadic_error error; // buffers of bytes have no type: the C function takes them
    dyadic_run(model.get(), nullptr, sources.data(), sources.size(), targets.data(), targets.size(), &error);
    dyadic::check(error);
    return outputs;
}

// How many of the runs gave another answer than one thread gets alone.
int wrong_answers(const dyadic::Model &model, int threads, int runs) {
    std::vector<std::vector<Bytes>> expected;
    for (int i = 0; i < threads; i++)
        expected.push_back(run(model, 1000 * i));
    std::atomic<int> wrong{0};
    std::vector<std::thread> workers;
    for (int i = 0; i < threads; i++)
        workers.emplace_back([&, i] {
            for (int j = 0; j < runs; j++) {
                try {
                    wrong += run(model, 1000 * i) != expected[i];
                } catch (const dyadic::Error &error) {
                    std::fprintf(stderr, "serve: %s\n", error.what());
                    wrong++;
                }
            }
        });
    for (std::thread &worker : workers)
        worker.join();
    return wrong;
}

} // namespace

int main(int argc, char **argv) {
    if (argc < 2)
        return std::fprintf(stderr, "serve: usage: serve MODEL.dyq [THREADS [RUNS]]\n"), DYADIC_USAGE;
    const int threads = argc > 2 ? std::atoi(argv[2]) : 8, runs = argc > 3 ? std::atoi(argv[3]) : 20;
    try {
        dyadic::LoadOptions options;
        options.threads = 2; // of every run
        const dyadic::Model model(argv[1], options);
        for (const dyadic::Tensor &input : model.inputs())
            std::printf("input '%s' %s\n", input.name.c_str(), input.type_name().c_str());
        const int before = wrong_answers(model, threads, runs);
        std::fflush(stdout);
        const pid_t child = fork();
        if (child == 0)
            _exit(wrong_answers(model, threads, runs) != 0);
        const int after = wrong_answers(model, threads, runs);
        int status = 0;
        waitpid(child, &status, 0);
        std::printf("%d threads of %s, %d runs each: %d other answers, %d after the fork, child %s\n", threads,
                    model.level().c_str(), runs, before, after, status == 0 ? "the same" : "FAILED");
        return before || after || status;
    } catch (const dyadic::Error &error) {
        std::fprintf(stderr, "serve: %s\n", error.what());
        return error.code();
    }
}
