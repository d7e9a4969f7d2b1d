// Blocks of a cluster: addresses of each other's shared memory, and the barrier of all their threads (sm_90).
//
// As the PTX manual has it ("mapa", "barrier.cluster"). An address of another block's shared memory says whose it is
// above RANK_AT; what it is on a GPU nobody may count on.
#include "cluster.h"

namespace ptx {

Far far(Block &b, const Warp &w, u32 lane, u64 address) {
    const u32 rank = static_cast<u32>(address) >> RANK_AT, inside = address & ((1u << RANK_AT) - 1);
    if (rank > b.cluster->blocks.size())
        fault(b, w, lane, Kind::address, format("shared address %#llx, of no block of the cluster",
                                                static_cast<unsigned long long>(address)));
    Block &other = rank ? b.cluster->blocks[rank - 1] : b; // those of its own block are among a cluster's
    if (other.ended())
        fault(b, w, lane, Kind::check,
              format("touches shared memory of block %u of the cluster, which has ended", other.rank));
    return {other, inside};
}

// from: an address of this block's, a rank.
void map_address(Block &b, Warp &w, const Instruction &i, u32 active) {
    for (u32 lane = 0; lane < LANES; lane++) {
        if (!(active >> lane & 1))
            continue;
        const u32 address = static_cast<u32>(w.rows[i.from[0]][lane]), rank = static_cast<u32>(w.rows[i.from[1]][lane]);
        if (rank >= b.cluster->blocks.size() || address >> RANK_AT)
            fault(b, w, lane, Kind::check, format("maps address %#x to block %u of a cluster of %zu", address, rank,
                                                  b.cluster->blocks.size()));
        w.rows[i.to[0]][lane] = (rank + 1) << RANK_AT | address;
    }
}

// All threads have to come by, those that returned early too: kernels here do not count on being let off.
void arrive_at_cluster(Block &b, Warp &w, const Instruction &, u32 active) {
    if (active != w.started)
        fault(b, w, 0, Kind::check, format("a barrier in divergent code, lanes %#x of %#x", active, w.started));
    if (w.arrived)
        fault(b, w, 0, Kind::check, "arrives at the cluster's barrier twice without waiting");
    Cluster &cluster = *b.cluster;
    meet(w);
    learn(cluster.gathered, w.clock);
    w.arrived = true;
    w.arrived_in = cluster.generation;
    if (++cluster.arrived == cluster.warps) {
        cluster.arrived = 0;
        cluster.generation++;
        cluster.released = cluster.gathered;
    }
}

void wait_for_cluster(Block &b, Warp &w, const Instruction &, u32 active) {
    if (active != w.started)
        fault(b, w, 0, Kind::check, format("a barrier in divergent code, lanes %#x of %#x", active, w.started));
    if (!w.arrived)
        fault(b, w, 0, Kind::check, "waits at the cluster's barrier without having arrived");
    w.waits_for_cluster = true;
}

bool held_by_cluster(Cluster &cluster, Warp &w) {
    if (cluster.generation == w.arrived_in)
        return true;
    learn(w.clock, cluster.released);
    w.arrived = w.waits_for_cluster = false;
    return false;
}

// At the end: no block has ended while another could still have written to its memory.
void need_waited_for(Cluster &cluster) {
    for (Block &b : cluster.blocks) {
        b.now = nullptr;
        for (const auto &[address, bar] : b.memory_barriers) {
            if (!bar.coming.empty())
                fault(b, b.warps[0], 0, Kind::check,
                      format("returns while a bulk copy is in flight, which the mbarrier at %u waits for", address));
            if (bar.from_afar > bar.waited_for && bar.from_afar_in == cluster.generation)
                fault(b, b.warps[0], 0, Kind::check,
                      format("returns without a wait for what another block does at the mbarrier at %u", address));
        }
    }
}

} // namespace ptx
