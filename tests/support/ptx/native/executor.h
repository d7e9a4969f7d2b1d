// A CPU executor of PTX text, for tests: what the driver's side of it needs to know.
//
// It runs the very text that a driver would be given, 32 lanes of a warp at a time, and turns into errors what a GPU
// would answer with other bits now and then: see checks.h. What it does not know it refuses by line, so that nothing
// is ever passed over: generic addresses, atomics, local memory, device functions, f16, f64, tensor maps.
#pragma once
#include <stdint.h>

#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace ptx {

using u8 = uint8_t;
using u16 = uint16_t;
using u32 = uint32_t;
using u64 = uint64_t;
using i8 = int8_t;
using i16 = int16_t;
using i32 = int32_t;
using i64 = int64_t;

enum class Kind { check, address, misaligned, trap }; // what a driver says of a fault depends on it

struct Fault : std::runtime_error { // the kernel is wrong
    Kind kind;
    Fault(Kind kind, const std::string &what) : std::runtime_error(what), kind(kind) {}
};

struct Refused : std::runtime_error { // the executor does not know this PTX
    using std::runtime_error::runtime_error;
};

struct Counters { // of one launch, all blocks together
    u64 instructions = 0; // of warps
    u64 mma = 0, dp4a = 0, barriers = 0, divergent_branches = 0;
    u64 shared_wavefronts = 0, shared_ideal = 0; // of 128 bytes; more than ideal: lanes met in a bank
    u64 global_sectors = 0, global_ideal = 0;    // of 32 bytes; more than ideal: lanes were apart
    u64 bytes_read = 0, bytes_written = 0;       // of global memory, as lanes asked for them
};

// Who touched a byte of global memory last. Epochs (checks.h) tell the lanes of a block apart.
struct Touch {
    u32 launch = 0, block = 0, epoch = 0;
};

struct Allocation {
    u8 *base;
    u64 bytes;
    std::vector<Touch> written, read; // a byte each; empty until a checked launch comes by
    bool of_module = false;           // a variable in the text: every launch may read it
};

struct Range { // bytes that a launch may touch
    u64 base, bytes;
    bool writable;
};

// Device memory is host memory that is known here; a device pointer is its address.
class Memory {
  public:
    Memory() = default;
    Memory(const Memory &) = delete;
    Memory &operator=(const Memory &) = delete;
    ~Memory();
    u8 *allocate(u64 bytes, bool of_module = false); // between two zones that nobody may touch, and filled with poison
    u64 release(u64 address); // how many bytes it had; 0: not the start of an allocation
    Allocation *holder(u64 address, u64 bytes); // nullptr: not wholly inside of one

    u32 launches = 0;
    std::vector<Range> operands; // if any: all that the launch at hand may touch

  private:
    std::map<u64, std::unique_ptr<Allocation>> allocations;
};

struct Instruction;

struct Parameter {
    u32 offset, bytes;
};

struct Kernel {
    std::string name;
    std::vector<Instruction> code;
    std::vector<Parameter> parameters; // in the block of arguments
    u32 argument_bytes = 0;
    u32 shared_end = 0;   // where the memory ends that it declares, and that of the launch begins
    u32 most_threads = 0; // .maxntid; 0: any number
    u32 registers = 0, predicates = 0;
    bool warpgroups = false; // multiplies by four warps together
    bool asynchronous = false; // has barriers in shared memory
    u32 cluster[3] = {1, 1, 1}; // blocks that run together: .reqnctapercluster
    std::vector<std::pair<u32, u64>> constants; // registers that hold a number throughout
    std::vector<std::string> register_names;
    Kernel();
    ~Kernel();
};

struct Module {
    std::map<std::string, std::unique_ptr<Kernel>> kernels;
    std::map<std::string, u64> globals; // name -> address
};

// Raises Refused, with the line.
std::unique_ptr<Module> parse(const std::string &text, Memory &memory);

struct Launch {
    u32 grid[3] = {1, 1, 1}, block[3] = {1, 1, 1};
    u32 shared_bytes = 0; // besides the kernel's own
    std::vector<u8> arguments;
    bool checks = true;
    u64 order = 0;                       // seed of the order in which warps take turns
    u64 most_instructions = 200000000; // of all warps; a kernel that wants more runs away
};

// Raises Fault.
Counters run(const Kernel &kernel, const Launch &launch, Memory &memory);

std::string format(const char *pattern, ...) __attribute__((format(printf, 1, 2)));

} // namespace ptx
