// Barriers in shared memory, and the bulk copies that arrive there (sm_90).
//
// As the PTX manual has it ("mbarrier", "cp.async.bulk"): a phase is over once all arrivals have come, and as many
// bytes as were expected; bytes may come before they are expected, as long as an arrival is missing. Bytes of bulk
// copies are there at once, but belong to nobody before the phase is over. A wait that comes too soon says no, as it
// may on a GPU; the next one holds its warp back. Barriers have to be shown by fence.mbarrier_init to other blocks and
// to bulk copies.
//
// Scopes are not told apart: between blocks nothing is ordered by barriers here but reads before bulk copies, for which
// CUTLASS has that of a block; what a block writes no other one can read.
#include <stdlib.h>
#include <string.h>

#include "cluster.h"

namespace ptx {
namespace {

constexpr u32 BARRIER_BYTES = 8, UNIT = 16; // of a barrier; of bulk copies
constexpr u32 MOST_ARRIVALS = (1u << 20) - 1;
constexpr i64 MOST_BYTES = (1 << 20) - 1;

u64 value(const Warp &w, int row, u32 lane, i64 offset = 0) { return (row >= 0 ? w.rows[row][lane] : 0) + offset; }

// The barrier that a lane names, as long as it can know of it.
MemoryBarrier &barrier_of(Block &b, const Warp &w, u32 lane, const Far &where, bool past_threads) {
    const auto found = where.block.memory_barriers.find(where.address);
    if (found == where.block.memory_barriers.end())
        fault(b, w, lane, Kind::check, format("no mbarrier is at shared address %u", where.address));
    MemoryBarrier &bar = found->second;
    const auto unknown = [&](u32 epoch) {
        const bool own = warp_in(epoch) == w.number && lane_in(epoch) == lane;
        return !own && clock_in(epoch) >= w.heard(warp_in(epoch), lane);
    };
    if (!b.launch.checks)
        return bar;
    if (unknown(bar.made))
        fault(b, w, lane, Kind::check, format("race: no barrier is behind mbarrier.init at %u", where.address));
    if ((past_threads || &where.block != &b) && (bar.shown == 0 || unknown(bar.shown)))
        fault(b, w, lane, Kind::check, format("no fence.mbarrier_init is behind mbarrier.init at %u", where.address));
    return bar;
}

void need_range(const Block &b, const Warp &w, u32 lane, const MemoryBarrier &bar) {
    if (llabs(bar.bytes) > MOST_BYTES)
        fault(b, w, lane, Kind::check,
              format("%lld bytes are to come, more than an mbarrier counts", static_cast<long long>(bar.bytes)));
}

// Whether the phase is over.
void settle(Block &owner, MemoryBarrier &bar) {
    if (bar.pending || bar.bytes)
        return;
    const u32 over = static_cast<u32>(bar.phase) + 1;
    if (owner.launch.checks)
        for (const Coming &each : bar.coming)
            owner.shared.deliver(each.address, each.bytes, epoch_of(over, bar.number, 0));
    bar.coming.clear();
    bar.gathered[bar.number] = over + 1;
    bar.released = bar.gathered;
    bar.pending = bar.expected;
    bar.phase++;
}

void note_from_afar(const Block &b, const Block &owner, MemoryBarrier &bar) {
    if (&b == &owner)
        return;
    bar.from_afar = bar.phase + 1;
    bar.from_afar_in = b.cluster->generation;
}

} // namespace

void make_barrier(Block &b, Warp &w, const Instruction &i, u32 active) { // from: address, arrivals of a phase
    for (u32 lane = 0; lane < LANES; lane++) {
        if (!(active >> lane & 1))
            continue;
        const u32 address = static_cast<u32>(value(w, i.from[0], lane, i.offset));
        const u32 count = static_cast<u32>(w.rows[i.from[1]][lane]);
        b.shared.at(b, w, lane, address, BARRIER_BYTES, BARRIER_BYTES);
        if (count == 0 || count > MOST_ARRIVALS)
            fault(b, w, lane, Kind::check, format("an mbarrier of %u arrivals", count));
        if (b.cluster->memory_barriers == MOST_BARRIERS)
            fault(b, w, lane, Kind::check, format("more than the %u mbarriers that are known here", MOST_BARRIERS));
        if (b.launch.checks)
            b.shared.make_barrier(b, w, lane, address, BARRIER_BYTES);
        MemoryBarrier made;
        made.number = FIRST_BARRIER + b.cluster->memory_barriers++;
        made.expected = made.pending = count;
        made.made = epoch_of(w.clock[w.number], w.number, lane);
        made.gathered.resize(FIRST_BARRIER + MOST_BARRIERS);
        b.memory_barriers[address] = std::move(made);
    }
}

void show_barriers(Block &b, Warp &w, const Instruction &, u32 active) {
    for (auto &[address, bar] : b.memory_barriers)
        if (warp_in(bar.made) == w.number && active >> lane_in(bar.made) & 1)
            bar.shown = epoch_of(w.clock[w.number], w.number, lane_in(bar.made));
}

// from: address and, with variant 1, bytes that are expected besides. What a lane did since its warp last met is not
// taken for released: lanes that arrive alone release no more than that.
void arrive(Block &b, Warp &w, const Instruction &i, u32 active) {
    if (active == w.started)
        meet(w);
    for (u32 lane = 0; lane < LANES; lane++) {
        if (!(active >> lane & 1))
            continue;
        const Far where = far(b, w, lane, static_cast<u32>(value(w, i.from[0], lane, i.offset)));
        MemoryBarrier &bar = barrier_of(b, w, lane, where, false);
        if (bar.pending == 0)
            fault(b, w, lane, Kind::check,
                  format("arrives at an mbarrier whose %u arrivals have come in this phase", bar.expected));
        if (i.variant)
            bar.bytes += static_cast<u32>(w.rows[i.from[1]][lane]);
        need_range(b, w, lane, bar);
        bar.pending--;
        learn(bar.gathered, w.clock);
        learn(bar.gathered, w.heard_by[lane]);
        note_from_afar(b, where.block, bar);
        settle(where.block, bar);
    }
}

void try_wait(Block &b, Warp &w, const Instruction &i, u32 active) { // from: address, parity of the phase
    const u32 one = __builtin_ctz(active);
    const u32 address = static_cast<u32>(value(w, i.from[0], one, i.offset));
    const u32 parity = static_cast<u32>(w.rows[i.from[1]][one]);
    for (u32 lane = 0; lane < LANES; lane++)
        if (active >> lane & 1 && (static_cast<u32>(value(w, i.from[0], lane, i.offset)) != address ||
                                   static_cast<u32>(w.rows[i.from[1]][lane]) != parity))
            fault(b, w, lane, Kind::check, "waits for another phase than other lanes do, which is not known here");
    if (parity > 1)
        fault(b, w, one, Kind::check, format("waits for a phase of parity %u", parity));
    MemoryBarrier &bar = barrier_of(b, w, one, {b, address}, false);
    u32 &done = w.predicates[i.predicate_to[0]];
    if ((bar.phase & 1) == parity) {
        done &= ~active;
        w.waits_in_memory = w.tried.address == address && w.tried.phase == bar.phase;
        w.tried = {address, bar.phase};
        if (w.waits_in_memory)
            w.next--; // and comes here again
        return;
    }
    done |= active;
    w.tried = {};
    bar.waited_for = bar.phase;
    if (active == w.started)
        learn(w.clock, bar.released);
    else
        for (u32 lane = 0; lane < LANES; lane++)
            if (active >> lane & 1)
                learn(w.heard_by[lane], bar.released), w.heard_by[lane].resize(w.clock.size());
}

// from: destination, source, bytes, barrier and, with variant 1, a mask of the blocks that it goes to.
void copy_bulk(Block &b, Warp &w, const Instruction &i, u32 active) {
    Cluster &cluster = *b.cluster;
    for (u32 lane = 0; lane < LANES; lane++) {
        if (!(active >> lane & 1))
            continue;
        const u32 to = static_cast<u32>(value(w, i.from[0], lane, i.offset));
        const u64 source = value(w, i.from[1], lane, i.second_offset);
        const u32 bytes = static_cast<u32>(w.rows[i.from[2]][lane]);
        const u32 barrier = static_cast<u32>(value(w, i.from[3], lane, i.third_offset));
        if (bytes == 0 || bytes % UNIT)
            fault(b, w, lane, Kind::check, format("a bulk copy of %u bytes, no multiple of %u", bytes, UNIT));
        if (source % UNIT)
            fault(b, w, lane, Kind::misaligned, "a bulk copy from a misaligned address");
        const Far first = far(b, w, lane, to), its = far(b, w, lane, barrier);
        if (&first.block != &its.block)
            fault(b, w, lane, Kind::check, "a bulk copy to one block, with an mbarrier of another");
        const u32 mask = i.variant ? static_cast<u16>(w.rows[i.from[4]][lane]) : 1u << first.block.rank;
        if (mask == 0 || mask >> cluster.blocks.size())
            fault(b, w, lane, Kind::check,
                  format("a bulk copy to blocks %#x of a cluster of %zu", mask, cluster.blocks.size()));
        const u8 *data = global_at(b, w, lane, source, bytes, UNIT, false);
        b.counters.bytes_read += bytes;
        b.counters.global_sectors += (bytes + 31) / 32;
        b.counters.global_ideal += (bytes + 31) / 32;
        for (Block &target : cluster.blocks) { // at the same place of each
            if (!(mask >> target.rank & 1))
                continue;
            if (target.ended())
                fault(b, w, lane, Kind::check,
                      format("copies to block %u of the cluster, which has ended", target.rank));
            u8 *place = target.shared.at(b, w, lane, first.address, bytes, UNIT);
            MemoryBarrier &bar = barrier_of(b, w, lane, {target, its.address}, true);
            if (b.launch.checks)
                target.shared.promise_bulk(b, w, lane, first.address, bytes);
            memcpy(place, data, bytes);
            bar.coming.push_back({first.address, bytes});
            bar.bytes -= bytes;
            need_range(b, w, lane, bar);
            note_from_afar(b, target, bar);
            settle(target, bar);
        }
    }
}

} // namespace ptx
