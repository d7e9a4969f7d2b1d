// What the lanes of a warp, or the warps of a block, do together.
//
// Fragments of matrices are laid out as the PTX manual says ("Matrix Fragments for mma", "ldmatrix"), with
// group = lane / 4 and t = lane % 4; tests/ptx/test_fragments.py holds these lines against the manual's tables.
#include <string.h>

#include <algorithm>

#include "state.h"

namespace ptx {
namespace {

void need_whole_warp(const Block &b, const Warp &w, u32 active) {
    if (active != ALL)
        fault(b, w, active == 0 ? 0 : __builtin_ctz(~active), Kind::check,
              format("an instruction of the whole warp in divergent code, lanes %#x", active));
}

} // namespace

// Row r of matrix m is 16 bytes at the address that lane 8 * m + r holds. variant: transposed.
void load_matrix(Block &b, Warp &w, const Instruction &i, u32 active) {
    need_whole_warp(b, w, active);
    u64 addresses[LANES];
    u16 matrix[4][8][8];
    for (u32 lane = 0; lane < 8 * i.elements; lane++) {
        addresses[lane] = static_cast<u32>(w.rows[i.from[0]][lane] + i.offset);
        const u8 *row = b.shared.at(b, w, lane, addresses[lane], 16, 16);
        if (b.launch.checks)
            b.shared.read(b, w, lane, static_cast<u32>(addresses[lane]), 16);
        memcpy(matrix[lane / 8][lane % 8], row, 16);
    }
    if (b.launch.checks)
        count_shared(b.counters, addresses, i.elements == 4 ? ALL : (1u << 8 * i.elements) - 1, 16);
    for (u32 m = 0; m < i.elements; m++)
        for (u32 lane = 0; lane < LANES; lane++) {
            const u32 group = lane / 4, t = lane % 4;
            const u32 first = i.variant ? matrix[m][2 * t][group] : matrix[m][group][2 * t];
            const u32 second = i.variant ? matrix[m][2 * t + 1][group] : matrix[m][group][2 * t + 1];
            w.rows[i.to[m]][lane] = first | second << 16;
        }
}

// D = A B + C with A of 8 or 16 rows (elements: how many eights), 8 columns, and K of 16 or 32 (element_bytes / 16).
// variant: bit 0 A, bit 1 B is signed, bit 2 sums saturate.
void multiply_matrices(Block &b, Warp &w, const Instruction &i, u32 active) {
    need_whole_warp(b, w, active);
    b.counters.mma++;
    const u32 row_parts = i.elements, k_parts = i.element_bytes / 16, depth = i.element_bytes;
    const auto value = [](u64 row, u32 byte, bool is_signed) -> i32 {
        const u8 v = static_cast<u8>(row >> 8 * byte);
        return is_signed ? static_cast<i8>(v) : v;
    };
    i32 a[16][32], bt[8][32]; // bt: B by columns
    int source = 0;
    for (u32 k = 0; k < k_parts; k++)
        for (u32 r = 0; r < row_parts; r++, source++) // registers of A: rows 0-7, rows 8-15, then the next 16 of K
            for (u32 lane = 0; lane < LANES; lane++)
                for (u32 byte = 0; byte < 4; byte++)
                    a[lane / 4 + 8 * r][lane % 4 * 4 + byte + 16 * k] =
                        value(w.rows[i.from[source]][lane], byte, i.variant & 1);
    for (u32 k = 0; k < k_parts; k++, source++)
        for (u32 lane = 0; lane < LANES; lane++)
            for (u32 byte = 0; byte < 4; byte++)
                bt[lane / 4][lane % 4 * 4 + byte + 16 * k] = value(w.rows[i.from[source]][lane], byte, i.variant & 2);
    Row results[4];
    for (u32 r = 0; r < row_parts; r++)
        for (u32 lane = 0; lane < LANES; lane++)
            for (u32 j = 0; j < 2; j++) {
                const i32 *left = a[lane / 4 + 8 * r], *right = bt[lane % 4 * 2 + j];
                i32 sum = 0; // below 2^21
                for (u32 k = 0; k < depth; k++)
                    sum += left[k] * right[k];
                const i64 whole = i64{sum} + static_cast<i32>(w.rows[i.from[source + 2 * r + j]][lane]);
                const i64 kept = i.variant & 4 ? std::clamp<i64>(whole, INT32_MIN, INT32_MAX) : whole;
                results[2 * r + j][lane] = static_cast<u32>(kept);
            }
    for (u32 k = 0; k < 2 * row_parts; k++)
        w.rows[i.to[k]] = results[k];
}

// variant: 0 up, 1 down, 2 butterfly, 3 index. from: value, lane or distance, clamp and segment, which lanes take part.
void shuffle(Block &b, Warp &w, const Instruction &i, u32 active) {
    const u32 members = static_cast<u32>(w.rows[i.from[3]][__builtin_ctz(active)]);
    if (members != active)
        fault(b, w, 0, Kind::check, format("shfl.sync among lanes %#x is reached by lanes %#x", members, active));
    Row values{};
    u32 found = 0;
    for (u32 lane = 0; lane < LANES; lane++) {
        if (!(active >> lane & 1))
            continue;
        const int by = static_cast<int>(w.rows[i.from[1]][lane] & 31), c = static_cast<int>(w.rows[i.from[2]][lane]);
        const int segment = c >> 8 & 31, bound = c & 31, self = static_cast<int>(lane);
        const int first = self & segment, last = first | (bound & ~segment);
        int other = i.variant == 0   ? self - by
                    : i.variant == 1 ? self + by
                    : i.variant == 2 ? self ^ by
                                     : first | (by & ~segment);
        const bool inside = i.variant == 0 ? other >= last : other <= last;
        if (!inside)
            other = self;
        if (!(active >> other & 1))
            fault(b, w, lane, Kind::check, format("shfl.sync from lane %d, which does not take part", other));
        values[lane] = static_cast<u32>(w.rows[i.from[0]][other]);
        found |= static_cast<u32>(inside) << lane;
    }
    for (u32 lane = 0; lane < LANES; lane++)
        if (active >> lane & 1)
            w.rows[i.to[0]][lane] = values[lane];
    if (i.predicate_to[0] >= 0) {
        u32 &to = w.predicates[i.predicate_to[0]];
        to = (to & ~active) | found;
    }
}

void vote(Block &b, Warp &w, const Instruction &i, u32 active) { // variant: 0 all, 1 any, 2 ballot
    need_whole_warp(b, w, active);
    const u32 votes = w.predicates[i.predicate_from[0]] ^ (i.predicate_negated[0] ? ALL : 0);
    if (i.variant == 2)
        w.rows[i.to[0]].fill(votes);
    else
        w.predicates[i.predicate_to[0]] = (i.variant == 0 ? votes == ALL : votes != 0) ? ALL : 0;
}

void reduce(Block &b, Warp &w, const Instruction &i, u32 active) { // variant: 0 add, 1 min, 2 max; sign_extends: s32
    need_whole_warp(b, w, active);
    const auto number = [&](u32 lane) -> i64 {
        const u32 value = static_cast<u32>(w.rows[i.from[0]][lane]);
        return i.sign_extends ? i64{static_cast<i32>(value)} : i64{value};
    };
    i64 result = number(0);
    for (u32 lane = 1; lane < LANES; lane++)
        result = i.variant == 0   ? result + number(lane)
                 : i.variant == 1 ? std::min(result, number(lane))
                                  : std::max(result, number(lane));
    w.rows[i.to[0]].fill(static_cast<u32>(result));
}

void synchronize_warp(Block &b, Warp &w, const Instruction &, u32 active) {
    need_whole_warp(b, w, active | ~w.live);
    meet(w);
}

// from: which barrier and, where given, how many threads meet there. variant: 1 arrives without waiting. Without a
// number all warps are waited for, those that returned early too: kernels here do not count on being let off.
void barrier(Block &b, Warp &w, const Instruction &i, u32 active) {
    if (active != w.started)
        fault(b, w, 0, Kind::check, format("a barrier in divergent code, lanes %#x of %#x", active, w.started));
    const u32 id = static_cast<u32>(w.rows[i.from[0]][__builtin_ctz(active)]);
    if (id > 15)
        fault(b, w, 0, Kind::check, format("barrier %u; there are 16", id));
    Barrier &bar = b.barriers[id];
    b.counters.barriers++;
    meet(w); // what comes after it is later than what others learn here
    learn(bar.gathered, w.clock);
    if (i.variant == 0) {
        w.waits_at = static_cast<int>(id);
        w.waits_since = bar.generation;
    }
    u32 expected = 0; // warps
    if (i.from[1] >= 0) {
        const u32 threads = static_cast<u32>(w.rows[i.from[1]][__builtin_ctz(active)]);
        if (threads == 0 || threads % LANES)
            fault(b, w, 0, Kind::check, format("a barrier of %u threads, which are no whole warps", threads));
        expected = threads / LANES;
    } else {
        expected = static_cast<u32>(b.warps.size());
    }
    if (++bar.arrived == expected) {
        bar.arrived = 0;
        bar.generation++;
        bar.released = bar.gathered;
    }
}

} // namespace ptx
