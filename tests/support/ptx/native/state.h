// What a block of threads is while it runs: registers, warps, barriers; and what an instruction is once it is decoded.
#pragma once
#include <algorithm>
#include <array>
#include <deque>

#include "checks.h"
#include "executor.h"

namespace ptx {

constexpr u32 LANES = 32;
constexpr u32 ALL = 0xffffffffu;

struct Block;
struct Cluster;
struct Warp;
using Handler = void (*)(Block &, Warp &, const Instruction &, u32 active);

enum class Space { parameter, global, shared };

struct Instruction {
    Handler run = nullptr;
    int guard = -1; // a predicate
    bool guard_negated = false;
    std::array<int, 8> to;    // registers; -1: none, or `_`
    std::array<int, 12> from; // registers, numbers among them
    int predicate_to[2] = {-1, -1}, predicate_from[2] = {-1, -1};
    bool predicate_negated[2] = {false, false};
    int target = -1; // of a branch
    // of what touches memory
    Space space = Space::global;
    i64 offset = 0, second_offset = 0, third_offset = 0;
    u32 element_bytes = 0, elements = 1;
    bool sign_extends = false;
    std::vector<int> accumulators; // of wgmma
    bool meets = false; // lanes of a warp, or warps, do it together
    u32 variant = 0, second_variant = 0; // what tells the instructions of one handler apart
    u32 line = 0;
    std::string text;

    Instruction() {
        to.fill(-1);
        from.fill(-1);
    }
};

// Every register has 64 bits a lane, whatever its declaration says: an instruction reads as many as its type has.
using Row = std::array<u64, LANES>;

struct InFlight { // a cp.async that nobody has waited for yet
    u32 group, lane, at, bytes;
    u8 data[16];
};

struct Product { // a wgmma that nobody has waited for yet
    u32 group;
    const Instruction *instruction;
    std::vector<u32> reads; // pieces of 16 shared bytes that this warp watches
};

struct Tried { // a wait that came too soon
    u32 address = 0;
    u64 phase = 0;
};

struct Warp {
    u32 id = 0, number = 0; // in its block, and in its cluster
    u32 started = 0; // lanes that there are
    u32 live = 0;   // lanes that have not returned
    u32 active = 0; // those at `next`
    int next = 0;
    std::vector<std::pair<int, u32>> diverged; // (next instruction, lanes)
    std::vector<Row> rows;
    std::vector<u32> row_set; // lanes in which something has written the register
    std::vector<u32> predicates, predicate_set;
    Clock clock;
    std::array<Clock, LANES> heard_by; // what a lane heard at barriers in memory since its warp met last
    std::vector<InFlight> in_flight;
    std::array<u32, LANES> open_group; // of cp.async
    // of wgmma
    std::vector<Product> products;
    u32 open_product = 0;       // group
    u32 fences = 0;             // wgmma.fence
    std::vector<u32> touched;   // register -> how many fences there were, and 1, when anything else touched it last
    std::vector<u32> producing; // register -> columns of the products in flight that write it
    int waits_at = -1;                 // the barrier
    u64 waits_since = 0;               // its generation
    Tried tried;                       // at a barrier in memory
    bool waits_in_memory = false;      // there
    bool arrived = false;              // at the barrier of the cluster
    bool waits_for_cluster = false;
    u64 arrived_in = 0; // its generation

    u32 heard(u32 of, u32 lane) const { // how far another one had come when this lane last heard of it
        const bool alone = lane < LANES && !heard_by[lane].empty();
        return alone && heard_by[lane][of] > clock[of] ? heard_by[lane][of] : clock[of];
    }
    bool waits() const { return waits_at >= 0 || waits_in_memory || waits_for_cluster; }
};

void learn(Clock &, const Clock &other);
void meet(Warp &); // all lanes know now what one does, and what comes after is later

struct Barrier {
    u32 arrived = 0;
    u64 generation = 0;
    Clock gathered, released;
};

struct Coming { // a bulk copy
    u32 address, bytes;
};

struct MemoryBarrier { // mbarrier
    u32 number = 0; // in clocks
    u32 expected = 0, pending = 0; // arrivals
    i64 bytes = 0;                 // that are to come: expected ones less those that came
    u64 phase = 0;                 // the one that is not over
    u32 made = 0, shown = 0;       // epochs: mbarrier.init, and fence.mbarrier_init behind it
    Clock gathered, released;
    std::vector<Coming> coming;
    // Since nothing else would keep the block from ending: phases up to this one were waited for in it, up to that one
    // another block took part, when so many barriers of the cluster had been passed.
    u64 waited_for = 0, from_afar = 0, from_afar_in = 0;
};

constexpr u32 WARPS_TOGETHER = 4;

struct Done { // of what four warps do together
    const Instruction *instruction;
    u64 left, right; // descriptors
};

struct Warpgroup {
    std::vector<Done> log;
    std::array<u32, WARPS_TOGETHER> done{}; // how far each warp is in it
};

struct Block {
    const Kernel &kernel;
    const Launch &launch;
    Memory &memory;
    Counters &counters;
    u32 place[3] = {0, 0, 0}, index = 0, rank = 0; // in the grid, and in its cluster
    std::vector<Warp> warps;
    SharedMemory shared;
    std::map<u32, Barrier> barriers;
    std::vector<Warpgroup> warpgroups;
    const Instruction *now = nullptr;
    Cluster *cluster = nullptr;
    std::map<u32, MemoryBarrier> memory_barriers; // by address

    bool ended() const {
        return std::none_of(warps.begin(), warps.end(), [](const Warp &w) { return w.live; });
    }
};

struct Cluster { // of blocks that run together; most have one
    std::deque<Block> blocks; // by rank
    u32 warps = 0, memory_barriers = 0;
    // its barrier
    u32 arrived = 0;
    u64 generation = 0;
    Clock gathered, released;
};

[[noreturn]] void fault(const Block &block, const Warp &warp, u32 lane, Kind kind, const std::string &what);

// --- handlers, by the file that has them

// arithmetic.cpp; nullptr: no such instruction of this type
Handler elementwise(const std::string &name, const std::string &type);
Handler conversion(const std::string &to, const std::string &from);
Handler comparison(const std::string &type);
Handler wide_product(const std::string &name, const std::string &type);
// bits.cpp
Handler bit_operation(const std::string &name, const std::string &type);
void move_predicate(Block &, Warp &, const Instruction &, u32 active);
void combine_predicates(Block &, Warp &, const Instruction &, u32 active);
void pack(Block &, Warp &, const Instruction &, u32 active);
void unpack(Block &, Warp &, const Instruction &, u32 active);
void convert_and_pack(Block &, Warp &, const Instruction &, u32 active);
void dot_product_of_four(Block &, Warp &, const Instruction &, u32 active);
// transfers.cpp
void load(Block &, Warp &, const Instruction &, u32 active);
void store(Block &, Warp &, const Instruction &, u32 active);
void copy_async(Block &, Warp &, const Instruction &, u32 active);
void commit_group(Block &, Warp &, const Instruction &, u32 active);
void wait_group(Block &, Warp &, const Instruction &, u32 active);
// cooperation.cpp
void load_matrix(Block &, Warp &, const Instruction &, u32 active);
void multiply_matrices(Block &, Warp &, const Instruction &, u32 active);
void shuffle(Block &, Warp &, const Instruction &, u32 active);
void vote(Block &, Warp &, const Instruction &, u32 active);
void reduce(Block &, Warp &, const Instruction &, u32 active);
void synchronize_warp(Block &, Warp &, const Instruction &, u32 active);
void barrier(Block &, Warp &, const Instruction &, u32 active);
// warpgroup.cpp
void fence_proxy(Block &, Warp &, const Instruction &, u32 active);
void fence_warpgroup(Block &, Warp &, const Instruction &, u32 active);
void multiply_together(Block &, Warp &, const Instruction &, u32 active);
void commit_products(Block &, Warp &, const Instruction &, u32 active);
void wait_products(Block &, Warp &, const Instruction &, u32 active);
void need_same_ends(Block &);
// memory_barriers.cpp
void make_barrier(Block &, Warp &, const Instruction &, u32 active);
void show_barriers(Block &, Warp &, const Instruction &, u32 active);
void arrive(Block &, Warp &, const Instruction &, u32 active);
void try_wait(Block &, Warp &, const Instruction &, u32 active);
void copy_bulk(Block &, Warp &, const Instruction &, u32 active);
// cluster.cpp
void map_address(Block &, Warp &, const Instruction &, u32 active);
void arrive_at_cluster(Block &, Warp &, const Instruction &, u32 active);
void wait_for_cluster(Block &, Warp &, const Instruction &, u32 active);
bool held_by_cluster(Cluster &, Warp &);
void need_waited_for(Cluster &);
// run.cpp
void branch(Block &, Warp &, const Instruction &, u32 active);
void leave(Block &, Warp &, const Instruction &, u32 active);
void trap(Block &, Warp &, const Instruction &, u32 active);
void nothing(Block &, Warp &, const Instruction &, u32 active);

} // namespace ptx
