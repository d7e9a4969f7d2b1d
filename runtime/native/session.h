// A loaded model as dyadic.h's functions use it: programs with their contexts, and what users are told of them.
#ifndef DYADIC_SESSION_H
#define DYADIC_SESSION_H

#include <stdint.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "packed.h"
#include "program.h"

namespace dyadic {

// An input or output as the user knows it; `shape` has -1 for the batch.
struct Described {
    std::string name, last;
    int32_t type = 0, raw_type = 0;
    std::vector<int64_t> shape, raw_shape;
    double scale = 0;
    int64_t zero_point = 0, low = 0, high = 0, padding = -1;
    int32_t token_axis = -1;
    bool has_limits = false, left_out = false;
    struct Part {
        std::vector<int64_t> start, shape;
        double scale;
        int64_t zero_point;
    };
    std::vector<Part> parts;
};

Described described_input(const Port &port);
Described described_output(const std::vector<const Port *> &parts, bool complete);
int32_t type_named(const std::string &name); // 0: there is no such type

// The memory of one run at a time: a context, and what of inputs and outputs has to be made another one.
struct Slot {
    dyadic_context *context = nullptr;
    std::vector<std::vector<uint8_t>> memory;
    Slot() = default;
    Slot(const Slot &) = delete;
    ~Slot();
};

struct RunOptions {
    int64_t batch = 1, tokens = 0;
    bool raw = false;
    std::vector<int64_t> scalars;
};

// One program with a pool of slots. Taking one and giving it back takes no lock, so that a fork never leaves one behind
// that nobody opens again.
class Loaded {
  public:
    Loaded(CpuProgram program, dyadic_program *mapped, int threads, int64_t max_batch, int64_t spin_ns);
    ~Loaded();
    Loaded(const Loaded &) = delete;

    const CpuProgram program;
    const std::vector<std::vector<const Port *>> results;

    // Checks what inputs hold, runs, and does what the model does last. Pointers are those of the user.
    void run(const RunOptions &how, const std::vector<const void *> &inputs, const std::vector<void *> &outputs,
             bool complete);
    void reset();

  private:
    std::unique_ptr<Slot> take();
    void give_back(std::unique_ptr<Slot> slot);

    static const int MOST_IDLE = 256; // more than so many at the same time are not kept
    dyadic_program *mapped_;
    const int threads_;
    const int64_t max_batch_, spin_ns_;
    std::atomic<Slot *> idle_[MOST_IDLE] = {};
    std::mutex turn_; // of runs that leave a state for the next
};

// The numbers of an input as the network reads them, filled up to the program's length: the user's own memory, or
// `memory`. Refuses with DYADIC_USAGE.
const void *taken_in(const Port &port, const RunOptions &how, int64_t length, const void *data,
                     std::vector<uint8_t> &memory);

// Where an output of the user's is written by the program: his own memory, or `memory`.
uint8_t *place_for(const Port &port, const RunOptions &how, void *data, std::vector<uint8_t> &memory);

// Does what the model does last to what is there, and copies it where it is not the user's.
void finish(const Port &port, const RunOptions &how, bool complete, uint8_t *made, void *data);

// The sizes of an array in a run, the batch first: of the program's, and of the user's.
std::vector<int64_t> sizes_of(const Port &port, const RunOptions &how);
std::vector<int64_t> user_sizes(const Port &port, const RunOptions &how);
int64_t user_bytes(const Port &port, const RunOptions &how);

} // namespace dyadic

// What a host holds.
struct dyadic_model {
    std::vector<std::unique_ptr<dyadic::Loaded>> programs; // the shortest first
    std::vector<dyadic::Described> inputs, outputs;
    std::string level;
    int threads = 1;
    int64_t max_batch = 1;
    int64_t tokens = 0; // the most; 0: inputs have none
    bool complete = false;

    dyadic::Loaded &program_for(int64_t tokens) const;
};

namespace dyadic {

std::unique_ptr<dyadic_model> load(const char *path, const dyadic_options &options);

} // namespace dyadic

#endif
