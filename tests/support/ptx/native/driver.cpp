#include "driver.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <chrono>

namespace ptx {
namespace {

u64 setting(const char *name, u64 otherwise) {
    const char *text = getenv(name);
    return text && *text ? strtoull(text, nullptr, 0) : otherwise;
}

using Long = unsigned long long;

} // namespace

Driver &driver() { // never destroyed: threads of the host may outlive main
    static Driver *it = new Driver;
    return *it;
}

std::vector<CUcontext> &contexts() {
    thread_local std::vector<CUcontext> stack;
    return stack;
}

Device Device::now() {
    return {static_cast<int>(setting("PTX_EXECUTOR_DEVICES", 1)), static_cast<int>(setting("PTX_EXECUTOR_SM", 90)),
            static_cast<int>(setting("PTX_EXECUTOR_DRIVER", 13000)), setting("PTX_EXECUTOR_MEMORY", u64{1} << 30),
            setting("PTX_EXECUTOR_CHECKS", 1) != 0};
}

int Device::most_shared_bytes() const { // CUDA programming guide, "Technical specifications per compute capability"
    const int kib = architecture < 80 ? 64 : architecture == 80 || architecture == 87 ? 163 : architecture < 90 ? 99
                    : architecture < 120 ? 227 : 99;
    return kib << 10;
}

CUresult Driver::put(CUstream handle, Work work) {
    if (!initialized)
        return CUDA_ERROR_NOT_INITIALIZED;
    if (sticky)
        return sticky;
    Stream &to = stream(handle);
    (to.capturing ? to.captured : to.queue).push_back(std::move(work));
    return CUDA_SUCCESS;
}

CUresult Driver::drain(Stream &from) {
    for (const Work &work : from.queue) {
        if (sticky)
            break;
        try {
            work();
        } catch (const Fault &fault) {
            said = fault.what();
            sticky = fault.kind == Kind::address      ? CUDA_ERROR_ILLEGAL_ADDRESS
                     : fault.kind == Kind::misaligned ? CUDA_ERROR_MISALIGNED_ADDRESS
                                                      : CUDA_ERROR_LAUNCH_FAILED;
        }
    }
    from.queue.clear();
    return sticky;
}

bool Driver::is_pinned(const void *start, u64 bytes) const {
    const u64 address = reinterpret_cast<u64>(start);
    auto next = pinned.upper_bound(address);
    return next != pinned.begin() && address + bytes <= (--next)->first + next->second;
}

void Driver::execute(const Kernel &kernel, Launch launch, std::vector<Range> allowed) {
    launch.order = launches++;
    launch.checks = Device::now().checks;
    launch.most_instructions = setting("PTX_EXECUTOR_INSTRUCTIONS", launch.most_instructions);
    memory.operands = std::move(allowed);
    const auto start = std::chrono::steady_clock::now();
    const Counters c = run(kernel, launch, memory);
    const std::chrono::duration<double, std::milli> taken = std::chrono::steady_clock::now() - start;
    clock_ms += setting("PTX_EXECUTOR_CLOCK", 0) ? static_cast<double>(c.instructions) * 1e-3 : taken.count();
    const std::pair<const char *, u64> numbers[] = {
        {"blocks", u64{launch.grid[0]} * launch.grid[1] * launch.grid[2]},
        {"threads", u64{launch.block[0]} * launch.block[1] * launch.block[2]},
        {"instructions", c.instructions},
        {"mma", c.mma},
        {"dp4a", c.dp4a},
        {"barriers", c.barriers},
        {"divergent_branches", c.divergent_branches},
        {"shared_wavefronts", c.shared_wavefronts},
        {"shared_ideal", c.shared_ideal},
        {"global_sectors", c.global_sectors},
        {"global_ideal", c.global_ideal},
        {"bytes_read", c.bytes_read},
        {"bytes_written", c.bytes_written},
    };
    log += "{\"kernel\": \"" + kernel.name + "\"";
    for (const auto &[name, value] : numbers)
        log += format(", \"%s\": %llu", name, static_cast<Long>(value));
    log += "}\n";
}

CUresult Driver::injected(const char *function) {
    const int call = ++calls[function];
    const char *text = getenv("PTX_EXECUTOR_FAIL");
    for (const char *at = text; at && *at; at = strchr(at, ',') ? strchr(at, ',') + 1 : nullptr) {
        char name[64];
        int which = 0, result = 0;
        if (sscanf(at, "%63[^:]:%d:%d", name, &which, &result) == 3 && !strcmp(name, function) && which == call)
            return result;
    }
    return CUDA_SUCCESS;
}

} // namespace ptx
