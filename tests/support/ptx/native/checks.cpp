#include "checks.h"

#include <stdlib.h>
#include <string.h>

#include <algorithm>

#include "state.h"

namespace ptx {
namespace {

const u32 SEVERAL = 33;  // readers of one warp at one clock
const u64 ZONE = 256;    // bytes around an allocation
const u8 POISON = 0xA5;  // what fresh memory holds, so that nothing depends on zeros
const u32 ANYONE = ~0u;  // several blocks

// Whether what happened at `epoch` is before what this lane does next.
bool before(const Warp &warp, u32 lane, u32 epoch) {
    if (warp_in(epoch) == warp.number && lane_in(epoch) == lane)
        return true;
    return clock_in(epoch) < warp.heard(warp_in(epoch), lane);
}

std::string who(u32 epoch) {
    return warp_in(epoch) >= FIRST_BARRIER ? "a bulk copy" : format("warp %u lane %u", warp_in(epoch), lane_in(epoch));
}

} // namespace

// --- allocations

Memory::~Memory() {
    for (auto &[address, allocation] : allocations)
        free(allocation->base - ZONE);
}

u8 *Memory::allocate(u64 bytes, bool of_module) {
    const u64 whole = (bytes + 2 * ZONE + 255) / 256 * 256;
    u8 *start = static_cast<u8 *>(aligned_alloc(256, whole));
    if (start == nullptr)
        return nullptr;
    memset(start, POISON, whole);
    auto allocation = std::make_unique<Allocation>();
    u8 *base = allocation->base = start + ZONE;
    allocation->bytes = bytes;
    allocation->of_module = of_module;
    allocations[reinterpret_cast<u64>(base)] = std::move(allocation);
    return base;
}

u64 Memory::release(u64 address) {
    const auto found = allocations.find(address);
    if (found == allocations.end())
        return 0;
    const u64 bytes = found->second->bytes;
    free(found->second->base - ZONE);
    allocations.erase(found);
    return bytes;
}

Allocation *Memory::holder(u64 address, u64 bytes) {
    auto next = allocations.upper_bound(address);
    if (next == allocations.begin())
        return nullptr;
    const auto &[base, allocation] = *--next;
    const bool inside = bytes <= allocation->bytes && address - base <= allocation->bytes - bytes;
    return inside ? allocation.get() : nullptr;
}

// --- shared memory

const char *SharedMemory::why_not(Use use) {
    return use == Use::copied        ? "to which a cp.async is in flight"
           : use == Use::bulk_copied ? "to which a bulk copy is in flight"
           : use == Use::barrier     ? "which belongs to an mbarrier"
                                     : nullptr;
}

void SharedMemory::reset(u32 end, u32 first_warp, u32 warp_count, bool checks, bool warpgroups) {
    contents.assign(end, POISON);
    first = first_warp, warps = warp_count;
    if (checks) {
        bytes.assign(end, {});
        readers.assign(static_cast<size_t>(end) * warps, 0);
    }
    unshown.assign(checks && warpgroups ? warps * LANES : 0, {});
}

u8 *SharedMemory::at(const Block &b, const Warp &w, u32 lane, u64 address, u32 size, u32 alignment) {
    if (address < SHARED_START || address > contents.size() || size > contents.size() - address)
        fault(b, w, lane, Kind::address,
              format("touches %u bytes at shared address %llu, outside of the %zu from %u on", size,
                     static_cast<unsigned long long>(address), contents.size() - SHARED_START, SHARED_START));
    if (address % alignment)
        fault(b, w, lane, Kind::misaligned,
              format("shared address %llu is no multiple of %u", static_cast<unsigned long long>(address), alignment));
    return contents.data() + address;
}

void SharedMemory::read(const Block &b, const Warp &w, u32 lane, u32 address, u32 size) {
    for (u32 at = address; at < address + size; at++) {
        const Byte &byte = bytes[at];
        if (const char *why = why_not(byte.use))
            fault(b, w, lane, Kind::check, format("reads shared byte %u, %s", at, why));
        if (!byte.written)
            fault(b, w, lane, Kind::check, format("reads shared byte %u, which nothing has written", at));
        if (!before(w, lane, byte.written))
            fault(b, w, lane, Kind::check,
                  format("race: reads shared byte %u, which %s wrote with no barrier between", at,
                         who(byte.written).c_str()));
        u32 &reader = readers[static_cast<size_t>(at) * warps + w.id];
        const u32 clock = w.clock[w.number];
        const bool others = reader >> 6 == clock && (reader & 63) != lane + 1;
        reader = clock << 6 | (others ? SEVERAL : lane + 1);
    }
}

void SharedMemory::may_write(const Block &b, const Warp &w, u32 lane, u32 address, u32 size) const {
    for (u32 at = address; at < address + size; at++) {
        const Byte &byte = bytes[at];
        if (const char *why = why_not(byte.use))
            fault(b, w, lane, Kind::check, format("writes shared byte %u, %s", at, why));
        if (byte.fed)
            fault(b, w, lane, Kind::check, format("writes shared byte %u, which a wgmma in flight reads", at));
        if (byte.written && !before(w, lane, byte.written))
            fault(b, w, lane, Kind::check,
                  format("race: writes shared byte %u, which %s wrote with no barrier between", at,
                         who(byte.written).c_str()));
        for (u32 other = 0; other < warps; other++) {
            const u32 reader = readers[static_cast<size_t>(at) * warps + other], number = first + other;
            if (reader == 0 || reader >> 6 < w.heard(number, lane) ||
                (number == w.number && (reader & 63) == lane + 1))
                continue;
            fault(b, w, lane, Kind::check,
                  format("race: writes shared byte %u, which warp %u reads with no barrier between", at, number));
        }
    }
}

void SharedMemory::write(const Block &b, const Warp &w, u32 lane, u32 address, u32 size) {
    may_write(b, w, lane, address, size);
    for (u32 at = address; at < address + size; at++) {
        bytes[at].written = epoch_of(w.clock[w.number], w.number, lane);
        bytes[at].shown = 0;
    }
    if (!unshown.empty())
        unshown[w.id * LANES + lane].push_back({address, size});
}

void SharedMemory::promise(const Block &b, const Warp &w, u32 lane, u32 address, u32 size) {
    write(b, w, lane, address, size);
    for (u32 at = address; at < address + size; at++)
        bytes[at].use = Use::copied;
}

void SharedMemory::arrive(const Warp &w, u32 lane, u32 address, const u8 *data, u32 size, bool checks) {
    memcpy(contents.data() + address, data, size);
    if (!checks)
        return;
    for (u32 at = address; at < address + size; at++)
        bytes[at] = {epoch_of(w.clock[w.number], w.number, lane), Use::memory, 0, 0};
    if (!unshown.empty())
        unshown[w.id * LANES + lane].push_back({address, size});
}

void SharedMemory::show(const Warp &w, u32 active) {
    for (u32 lane = 0; lane < LANES && !unshown.empty(); lane++) {
        if (!(active >> lane & 1))
            continue;
        auto &mine = unshown[w.id * LANES + lane];
        for (const auto &[address, size] : mine)
            for (u32 at = address; at < address + size; at++) {
                Byte &byte = bytes[at];
                if (byte.use == Use::memory && warp_in(byte.written) == w.number && lane_in(byte.written) == lane)
                    byte.shown = epoch_of(w.clock[w.number], w.number, lane);
            }
        mine.clear();
    }
}

void SharedMemory::feed(const Block &b, const Warp &w, u32 address, u32 size) {
    for (u32 at = address; at < address + size; at++) {
        Byte &byte = bytes[at];
        const char *why = why_not(byte.use);
        if (why == nullptr && !byte.written)
            why = "which nothing has written";
        if (why == nullptr && !before(w, LANES, byte.written)) // no lane of this warp: all four read
            why = "race: which no barrier is behind";
        if (why == nullptr && !byte.shown)
            why = "which no fence.proxy.async of its writer is behind";
        if (why == nullptr && !before(w, LANES, byte.shown))
            why = "race: whose fence.proxy.async no barrier is behind";
        if (why)
            fault(b, w, 0, Kind::check,
                  format("wgmma reads shared byte %u, %s; last written by %s", at, why, who(byte.written).c_str()));
        byte.fed++;
    }
}

void SharedMemory::fed(const Warp &w, u32 address, u32 size) {
    for (u32 at = address; at < address + size; at++) {
        bytes[at].fed--;
        readers[static_cast<size_t>(at) * warps + w.id] = w.clock[w.number] << 6 | SEVERAL;
    }
}

void SharedMemory::make_barrier(const Block &b, const Warp &w, u32 lane, u32 address, u32 size) {
    write(b, w, lane, address, size);
    for (u32 at = address; at < address + size; at++)
        bytes[at].use = Use::barrier;
}

void SharedMemory::promise_bulk(const Block &b, const Warp &w, u32 lane, u32 address, u32 size) {
    may_write(b, w, lane, address, size);
    for (u32 at = address; at < address + size; at++)
        bytes[at].use = Use::bulk_copied;
}

void SharedMemory::deliver(u32 address, u32 size, u32 epoch) {
    for (u32 at = address; at < address + size; at++)
        bytes[at] = {epoch, Use::memory, 0, epoch}; // nothing has to show it to others that read past the threads
}

void count_shared(Counters &counters, const u64 *addresses, u32 active, u32 bytes) {
    // Lanes go in groups that move 128 bytes; each takes as long as its fullest bank has different words.
    const u32 group = bytes >= 16 ? 8 : bytes == 8 ? 16 : 32;
    for (u32 first = 0; first < LANES; first += group) {
        u64 words[LANES][LANES];
        u32 in_bank[LANES] = {}, most = 0;
        for (u32 lane = first; lane < first + group; lane++) {
            if (!(active >> lane & 1))
                continue;
            for (u64 word = addresses[lane] / 4; word <= (addresses[lane] + bytes - 1) / 4; word++) {
                const u32 bank = word % 32;
                u64 *end = words[bank] + in_bank[bank];
                if (std::find(words[bank], end, word) == end) {
                    *end = word;
                    most = std::max(most, ++in_bank[bank]);
                }
            }
        }
        counters.shared_wavefronts += most;
        counters.shared_ideal += most > 0;
    }
}

// --- global memory

u8 *global_at(const Block &b, const Warp &w, u32 lane, u64 address, u32 size, u32 alignment, bool writes) {
    const char *verb = writes ? "writes" : "reads";
    Allocation *allocation = b.memory.holder(address, size);
    if (allocation == nullptr)
        fault(b, w, lane, Kind::address,
              format("%s %u bytes at %#llx, outside of every allocation", verb, size,
                     static_cast<unsigned long long>(address)));
    if (address % alignment)
        fault(b, w, lane, Kind::misaligned,
              format("global address %#llx is no multiple of %u", static_cast<unsigned long long>(address), alignment));
    u8 *place = reinterpret_cast<u8 *>(address);
    if (!b.launch.checks)
        return place;
    const u64 first = place - allocation->base;
    const auto &operands = b.memory.operands;
    const bool open = operands.empty() || (allocation->of_module && !writes);
    const bool among = open || std::any_of(operands.begin(), operands.end(), [&](const Range &r) {
        return address >= r.base && address + size <= r.base + r.bytes && (r.writable || !writes);
    });
    if (!among)
        fault(b, w, lane, Kind::check,
              format("%s %u bytes, %llu bytes into their allocation, that are no operand of this launch", verb, size,
                     static_cast<unsigned long long>(first)));
    if (allocation->written.empty()) {
        allocation->written.resize(allocation->bytes);
        allocation->read.resize(allocation->bytes);
    }
    const Touch mine{b.memory.launches, b.index, epoch_of(w.clock[w.number], w.number, lane)};
    for (u64 at = first; at < first + size; at++) {
        Touch &written = allocation->written[at], &read = allocation->read[at];
        for (const Touch *other : {&written, &read}) {
            if (other->launch != mine.launch || (other == &read && !writes))
                continue;
            const char *did = other == &read ? "reads" : "writes";
            if (other->block != mine.block)
                fault(b, w, lane, Kind::check,
                      format("race: %s global byte %llu of its allocation, which another block %s", verb,
                             static_cast<unsigned long long>(at), did));
            if (!before(w, lane, other->epoch))
                fault(b, w, lane, Kind::check,
                      format("race: %s global byte %llu of its allocation, which %s %s with no barrier between", verb,
                             static_cast<unsigned long long>(at), who(other->epoch).c_str(), did));
        }
        if (writes)
            written = mine;
        else if (read.launch == mine.launch && read.block != mine.block)
            read.block = ANYONE;
        else
            read = mine; // of several readers in a block the last is remembered
    }
    return place;
}

void count_global(Counters &counters, const u64 *addresses, u32 active, u32 bytes, bool writes) {
    u64 starts[LANES], sectors[2 * LANES];
    u32 lanes = 0, count = 0;
    for (u32 lane = 0; lane < LANES; lane++) {
        if (!(active >> lane & 1))
            continue;
        starts[lanes++] = addresses[lane];
        for (u64 sector = addresses[lane] / 32; sector <= (addresses[lane] + bytes - 1) / 32; sector++)
            sectors[count++] = sector;
    }
    std::sort(starts, starts + lanes);
    std::sort(sectors, sectors + count);
    u64 different = bytes; // bytes: lanes may ask for the same ones
    for (u32 n = 1; n < lanes; n++)
        different += std::min<u64>(bytes, starts[n] - starts[n - 1]);
    counters.global_sectors += std::unique(sectors, sectors + count) - sectors;
    counters.global_ideal += (different + 31) / 32;
    (writes ? counters.bytes_written : counters.bytes_read) += u64{lanes} * bytes;
}

} // namespace ptx
