// Runs of a loaded program: checked, computed by a context of the pool, finished.
#include "session.h"

#include "boundary.h"

namespace dyadic {
namespace {

// Where a part begins in the array that it is a part of, in elements.
int64_t start_of(const Port &part) {
    int64_t start = 0;
    for (size_t d = 0; d < part.start.size(); d++)
        start = start * part.whole[d] + part.start[d];
    return start;
}

} // namespace

Slot::~Slot() { dyadic_context_close(context); }

Loaded::Loaded(CpuProgram given, dyadic_program *mapped, int threads, int64_t max_batch, int64_t spin_ns)
    : program(std::move(given)), results(program.results()), mapped_(mapped), threads_(threads),
      max_batch_(max_batch), spin_ns_(spin_ns) {
    // The first context now: what was loaded has its memory.
    try {
        give_back(take());
    } catch (...) {
        dyadic_program_close(mapped_);
        throw;
    }
}

Loaded::~Loaded() {
    for (std::atomic<Slot *> &slot : idle_)
        delete slot.exchange(nullptr);
    dyadic_program_close(mapped_);
}

std::unique_ptr<Slot> Loaded::take() {
    for (std::atomic<Slot *> &slot : idle_)
        if (slot.load(std::memory_order_relaxed))
            if (Slot *found = slot.exchange(nullptr, std::memory_order_acquire))
                return std::unique_ptr<Slot>(found);
    auto slot = std::make_unique<Slot>();
    slot->memory.resize(program.inputs.size() + results.size());
    char message[512] = "";
    if (const int code = dyadic_context_open(mapped_, threads_, max_batch_, spin_ns_, &slot->context, message,
                                             sizeof message))
        throw Refused{code, message};
    return slot;
}

void Loaded::give_back(std::unique_ptr<Slot> slot) {
    for (std::atomic<Slot *> &place : idle_) {
        Slot *empty = nullptr;
        if (place.compare_exchange_strong(empty, slot.get(), std::memory_order_release, std::memory_order_relaxed)) {
            slot.release();
            return;
        }
    }
}

void Loaded::run(const RunOptions &how, const std::vector<const void *> &inputs, const std::vector<void *> &outputs,
                 bool complete) {
    std::unique_lock<std::mutex> turn(turn_, std::defer_lock);
    if (program.state_bytes)
        turn.lock();
    std::unique_ptr<Slot> slot = take();
    const DefaultFloatingPoint guard; // for what a model does last
    const auto back = [this](Slot *used) { give_back(std::unique_ptr<Slot>(used)); };
    const std::unique_ptr<Slot, decltype(back)> used(slot.release(), back);
    std::vector<const void *> sources;
    for (size_t i = 0; i < inputs.size(); i++) {
        used->memory[i].clear();
        sources.push_back(taken_in(program.inputs[i], how, program.length(), inputs[i], used->memory[i]));
    }
    std::vector<void *> targets;
    std::vector<uint8_t *> arrays;
    for (size_t i = 0; i < results.size(); i++) {
        const Port &first = *results[i][0];
        arrays.push_back(place_for(first, how, outputs[i], used->memory[inputs.size() + i]));
        const int64_t bytes = how.raw ? first.is_wide() ? 2 : 1 : 4;
        for (const Port *part : results[i])
            targets.push_back(arrays[i] + start_of(*part) * bytes);
    }
    char message[512] = "";
    if (const int code = dyadic_context_run(used->context, sources.data(), targets.data(), how.batch, how.raw,
                                            how.scalars.data(), nullptr, message, sizeof message))
        throw Refused{code, message};
    for (size_t i = 0; i < results.size(); i++)
        finish(*results[i][0], how, complete, arrays[i], outputs[i]);
}

void Loaded::reset() {
    if (!program.state_bytes)
        return;
    const std::lock_guard<std::mutex> turn(turn_);
    std::unique_ptr<Slot> slot = take();
    int64_t bytes = 0;
    uint8_t *state = static_cast<uint8_t *>(dyadic_context_state(slot->context, &bytes));
    std::fill(state, state + bytes, 0);
    give_back(std::move(slot));
}

} // namespace dyadic
