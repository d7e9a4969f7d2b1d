// Loads, stores, and copies from global to shared memory that arrive later.
#include <string.h>

#include <algorithm>

#include "state.h"

namespace ptx {
namespace {

const u32 WIDEST = 32; // bytes of one access of a lane

void addresses_of(const Warp &w, const Instruction &i, int base, i64 offset, u64 *addresses) {
    for (u32 lane = 0; lane < LANES; lane++) {
        const u64 start = base >= 0 ? w.rows[base][lane] : 0;
        // Shared addresses have 32 bits, and may be computed in so many.
        addresses[lane] = i.space == Space::shared ? static_cast<u32>(start + offset) : start + offset;
    }
}

u64 extended(const u8 *from, const Instruction &i) {
    u64 value = 0;
    memcpy(&value, from, i.element_bytes);
    const u32 empty = 64 - 8 * i.element_bytes;
    return i.sign_extends ? static_cast<u64>(static_cast<i64>(value << empty) >> empty) : value;
}

u8 *place_of(Block &b, const Warp &w, const Instruction &i, u32 lane, u64 address, u32 bytes, bool writes) {
    if (i.space == Space::global)
        return global_at(b, w, lane, address, bytes, bytes, writes);
    u8 *place = b.shared.at(b, w, lane, address, bytes, bytes);
    if (b.launch.checks) {
        if (writes)
            b.shared.write(b, w, lane, static_cast<u32>(address), bytes);
        else
            b.shared.read(b, w, lane, static_cast<u32>(address), bytes);
    }
    return place;
}

void count(Block &b, const Instruction &i, const u64 *addresses, u32 active, u32 bytes, bool writes) {
    if (!b.launch.checks)
        return;
    if (i.space == Space::shared)
        count_shared(b.counters, addresses, active, bytes);
    else
        count_global(b.counters, addresses, active, bytes, writes);
}

} // namespace

void load(Block &b, Warp &w, const Instruction &i, u32 active) {
    const u32 bytes = i.element_bytes * i.elements;
    u64 addresses[LANES];
    addresses_of(w, i, i.from[0], i.offset, addresses);
    u8 data[LANES][WIDEST];
    for (u32 lane = 0; lane < LANES; lane++) { // all are read before any register changes: one may hold the address
        if (!(active >> lane & 1))
            continue;
        const u8 *place;
        if (i.space == Space::parameter) {
            if (addresses[lane] + bytes > b.launch.arguments.size())
                fault(b, w, lane, Kind::address, "reads beyond the kernel's parameters");
            place = b.launch.arguments.data() + addresses[lane];
        } else {
            place = place_of(b, w, i, lane, addresses[lane], bytes, false);
        }
        memcpy(data[lane], place, bytes);
    }
    if (i.space != Space::parameter)
        count(b, i, addresses, active, bytes, false);
    for (u32 k = 0; k < i.elements; k++)
        if (i.to[k] >= 0)
            for (u32 lane = 0; lane < LANES; lane++)
                if (active >> lane & 1)
                    w.rows[i.to[k]][lane] = extended(data[lane] + k * i.element_bytes, i);
}

void store(Block &b, Warp &w, const Instruction &i, u32 active) { // from[0]: the address, then the values
    const u32 bytes = i.element_bytes * i.elements;
    u64 addresses[LANES];
    addresses_of(w, i, i.from[0], i.offset, addresses);
    for (u32 lane = 0; lane < LANES; lane++) {
        if (!(active >> lane & 1))
            continue;
        u8 *place = place_of(b, w, i, lane, addresses[lane], bytes, true);
        for (u32 k = 0; k < i.elements; k++)
            memcpy(place + k * i.element_bytes, &w.rows[i.from[1 + k]][lane], i.element_bytes);
    }
    count(b, i, addresses, active, bytes, true);
}

// from: destination, source and, where given, how many bytes to read; the rest of element_bytes are zeros.
void copy_async(Block &b, Warp &w, const Instruction &i, u32 active) {
    u64 targets[LANES], sources[LANES];
    addresses_of(w, i, i.from[0], i.offset, targets); // i.space is shared
    u32 reading = 0;
    for (u32 lane = 0; lane < LANES; lane++) {
        if (!(active >> lane & 1))
            continue;
        sources[lane] = w.rows[i.from[1]][lane] + i.second_offset;
        const u32 asked = i.from[2] >= 0 ? static_cast<u32>(w.rows[i.from[2]][lane]) : i.element_bytes;
        if (asked > i.element_bytes)
            fault(b, w, lane, Kind::check, format("cp.async of %u bytes asks for %u", i.element_bytes, asked));
        InFlight copy{w.open_group[lane], lane, static_cast<u32>(targets[lane]), i.element_bytes, {}};
        b.shared.at(b, w, lane, copy.at, copy.bytes, copy.bytes);
        if (sources[lane] % i.element_bytes)
            fault(b, w, lane, Kind::misaligned, "cp.async from a misaligned address");
        if (asked) {
            memcpy(copy.data, global_at(b, w, lane, sources[lane], asked, 1, false), asked);
            reading |= 1u << lane;
        }
        if (b.launch.checks)
            b.shared.promise(b, w, lane, copy.at, copy.bytes);
        w.in_flight.push_back(copy);
    }
    if (b.launch.checks && reading)
        count_global(b.counters, sources, reading, i.element_bytes, false);
}

void commit_group(Block &, Warp &w, const Instruction &, u32 active) {
    for (u32 lane = 0; lane < LANES; lane++)
        w.open_group[lane] += active >> lane & 1;
}

// variant: how many of the newest groups may stay in flight. With second_variant all copies arrive, committed or not.
void wait_group(Block &b, Warp &w, const Instruction &i, u32 active) {
    const auto arrives = [&](const InFlight &copy) {
        return active >> copy.lane & 1 && (i.second_variant || copy.group + i.variant < w.open_group[copy.lane]);
    };
    for (const InFlight &copy : w.in_flight)
        if (arrives(copy))
            b.shared.arrive(w, copy.lane, copy.at, copy.data, copy.bytes, b.launch.checks);
    w.in_flight.erase(std::remove_if(w.in_flight.begin(), w.in_flight.end(), arrives), w.in_flight.end());
}

} // namespace ptx
