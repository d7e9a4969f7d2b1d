// What the driver keeps: the device as its environment describes it, streams of work that waits, errors that stay.
#pragma once
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <set>

#include "cuda_api.h"
#include "executor.h"

namespace ptx {

struct Device { // read anew at every call, so that a test may change it
    int count;          // PTX_EXECUTOR_DEVICES
    int architecture;   // PTX_EXECUTOR_SM: 90
    int driver_version; // PTX_EXECUTOR_DRIVER: 13000
    u64 memory;         // PTX_EXECUTOR_MEMORY, bytes
    bool checks;        // PTX_EXECUTOR_CHECKS: 0 is faster
    // PTX_EXECUTOR_NAME: what it says that it is, for those who ask whether it is a GPU
    // PTX_EXECUTOR_CLOCK: 1 has events count a microsecond an instruction of a warp, not the time that passes here
    static Device now();
    int most_shared_bytes() const;
};

using Work = std::function<void()>;

struct Stream {
    std::vector<Work> queue;
    bool capturing = false;
    std::vector<Work> captured;
};

struct Reached { // what records and waits hold on to, though the event may be gone
    double ms = -1; // below 0: not reached
    Stream *stream = nullptr;
};

struct Event {
    std::shared_ptr<Reached> last = std::make_shared<Reached>(); // a new one a record
};

struct Function {
    const Kernel *kernel;
    int most_dynamic_bytes = 48 << 10; // more has to be asked for
};

struct Loaded {
    std::unique_ptr<Module> module;
    std::list<Function> functions;
};

struct Driver {
    std::recursive_mutex lock;
    Memory memory;
    u64 used = 0;
    bool initialized = false;
    CUresult sticky = CUDA_SUCCESS; // of a kernel that failed: everything fails from then on
    std::string said;               // about the last error
    std::string log;                // a line of JSON a launch
    std::vector<Range> operands;    // of the next launch
    std::map<u64, u64> pinned;      // host memory: address -> bytes
    std::map<std::string, int> calls;
    Stream default_stream;
    u64 launches = 0;
    double clock_ms = 0; // of the device: what the executor took

    int live = 0;                   // modules, streams, events and graphs that nobody has destroyed
    std::map<CUdevice, int> retained; // how often each device's context is
    std::map<u64, CUdevice> homes;  // allocation -> whose memory it is

    // 1 and 2 are the default stream's other names.
    Stream &stream(CUstream handle) {
        return reinterpret_cast<u64>(handle) > 2 ? *reinterpret_cast<Stream *>(handle) : default_stream;
    }
    CUresult put(CUstream handle, Work work);
    CUresult drain(Stream &stream);
    bool is_pinned(const void *start, u64 bytes) const;
    void execute(const Kernel &kernel, Launch launch, std::vector<Range> allowed);
    // PTX_EXECUTOR_FAIL=NAME:N:RESULT has the Nth call of a function fail, from 1; several with commas.
    CUresult injected(const char *function);
};

Driver &driver();
std::vector<CUcontext> &contexts(); // of this thread, the current one last

inline CUcontext context_of(CUdevice device) { return reinterpret_cast<CUcontext>(static_cast<u64>(device) + 1); }
inline CUdevice device_of(CUcontext context) { return static_cast<CUdevice>(reinterpret_cast<u64>(context) - 1); }

} // namespace ptx
