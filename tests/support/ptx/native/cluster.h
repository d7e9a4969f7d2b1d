// Shared memory of the blocks of a cluster.
#pragma once
#include "state.h"

namespace ptx {

constexpr u32 RANK_AT = 24; // bits of an address below the rank, and 1, of another block

struct Far {
    Block &block;
    u32 address;
};

// What an address of shared::cluster means.
Far far(Block &, const Warp &, u32 lane, u64 address);

} // namespace ptx
