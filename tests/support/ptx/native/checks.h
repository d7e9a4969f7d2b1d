// What is checked of memory while a kernel runs.
//
// Races: every warp has a clock, which counts the barriers it has passed, and knows how far the other warps had come
// when they last met it at a barrier. What a lane did is before what another lane does if the other's warp has heard of
// it; else the two race if one of them writes. So a missing barrier is found the first time, whatever the order of the
// warps was. Shared bytes also remember whether anything wrote them and whether a cp.async is still to arrive: until
// its wait_group such bytes belong to nobody, afterwards to the thread that started the copy. Global bytes are watched
// in the same way inside of a block; between blocks, what touches what another block of the launch writes is a race.
//
// Products of four warps (warpgroup.cpp) read past the others: bytes have to be shown to them by fence.proxy.async of
// the thread that wrote them, before the barrier, and are being read until the warps have waited for the product.
//
// Bulk copies (memory_barriers.cpp) write past the others, too: until the phase of their barrier is over such bytes
// belong to nobody, afterwards to the threads that waited for that phase. Barriers count phases as warps do clocks.
// Blocks of a cluster have one set of clocks; what a thread hears at a barrier in memory only it knows until its warp
// meets again.
//
// Only the accesses of one execution are seen: what another path through the kernel would touch is not. Of several
// lanes of a block that read a global byte the last is remembered.
#pragma once
#include "executor.h"

namespace ptx {

struct Block;
struct Warp;

using Clock = std::vector<u32>; // a warp of the cluster each; of barriers in memory from FIRST_BARRIER on

constexpr u32 FIRST_BARRIER = 64, MOST_BARRIERS = 64;

// An instant of a lane: 20 bits of its warp's clock, 7 of the warp, 5 of the lane. 0 is never, since clocks start at 1.
inline u32 epoch_of(u32 clock, u32 warp, u32 lane) { return clock << 12 | warp << 5 | lane; }
inline u32 clock_in(u32 epoch) { return epoch >> 12; }
inline u32 warp_in(u32 epoch) { return epoch >> 5 & 127; }
inline u32 lane_in(u32 epoch) { return epoch & 31; }

// Shared memory starts here, for GPUs keep the bytes before it to themselves (compute capability 9.0: 1 KiB a block);
// no kernel may take the address of its own memory for 0.
constexpr u32 SHARED_START = 1024;

class SharedMemory {
  public:
    // Bytes from SHARED_START to `end`, of a block of `warps`, whose first one has number `first` in its cluster;
    // warpgroups: they may be read by products of four warps.
    void reset(u32 end, u32 first, u32 warps, bool checks, bool warpgroups);
    // The place itself, if the access is in bounds and aligned.
    u8 *at(const Block &, const Warp &, u32 lane, u64 address, u32 bytes, u32 alignment);
    void read(const Block &, const Warp &, u32 lane, u32 address, u32 bytes);
    void write(const Block &, const Warp &, u32 lane, u32 address, u32 bytes);
    void promise(const Block &, const Warp &, u32 lane, u32 address, u32 bytes); // a cp.async to it starts
    void arrive(const Warp &, u32 lane, u32 address, const u8 *data, u32 bytes, bool checks);
    void show(const Warp &, u32 active); // what these lanes wrote, to products of four warps
    void feed(const Block &, const Warp &, u32 address, u32 bytes); // such a product begins to read
    void fed(const Warp &, u32 address, u32 bytes);                 // and has been waited for
    void make_barrier(const Block &, const Warp &, u32 lane, u32 address, u32 bytes); // which nothing else may touch
    // A bulk copy to it starts, by a thread of any block of the cluster; and has been there since an instant.
    void promise_bulk(const Block &, const Warp &, u32 lane, u32 address, u32 bytes);
    void deliver(u32 address, u32 bytes, u32 epoch);

  private:
    enum class Use : u8 { memory, copied, bulk_copied, barrier };
    struct Byte {
        u32 written = 0; // epoch
        Use use = Use::memory; // or what is in flight to it
        u8 fed = 0;    // products in flight that read it
        u32 shown = 0; // epoch of its writer's fence.proxy.async
    };
    std::vector<u8> contents;
    std::vector<Byte> bytes;
    // For each byte and warp the last clock at which it was read, and by which lane: clock << 6 | lane + 1, or SEVERAL.
    std::vector<u32> readers;
    std::vector<std::vector<std::pair<u32, u32>>> unshown; // of each thread, where there are warpgroups
    u32 first = 0, warps = 0;
    static const char *why_not(Use);
    void may_write(const Block &, const Warp &, u32 lane, u32 address, u32 bytes) const;
};

// The place itself, if the access is in bounds, aligned, among the launch's operands and free of races.
u8 *global_at(const Block &, const Warp &, u32 lane, u64 address, u32 bytes, u32 alignment, bool writes);

// Wavefronts and sectors of an access by the active lanes.
void count_shared(Counters &, const u64 *addresses, u32 active, u32 bytes);
void count_global(Counters &, const u64 *addresses, u32 active, u32 bytes, bool writes);

} // namespace ptx
