// Products of matrices by four warps together, which go on while these do other things: wgmma of sm_90a.
//
// As the PTX manual has it ("Asynchronous Warpgroup Level Matrix Instructions"); tests/ptx/test_warpgroups.py holds
// these lines against its tables. Each warp computes its 16 rows when it comes by, and what would show on a GPU that it was
// not yet so is an error: accumulators that anything touches before wait_group; shared bytes that are written before
// it; operands that were written without fence.proxy.async and a barrier behind it; accumulators that were touched
// without wgmma.fence behind it; four warps that do not execute the same. Of what all four read each watches a part.
#include <string.h>

#include <algorithm>

#include "state.h"

namespace ptx {
namespace {

constexpr u32 ROWS = 16, DEPTH = 32, CHUNK = 16; // of a warp's part of a product; bytes

void need_warpgroup(const Block &b, const Warp &w, u32 active) {
    if (active != ALL)
        fault(b, w, active == 0 ? 0 : __builtin_ctz(~active), Kind::check,
              format("an instruction of four warps in divergent code, lanes %#x", active));
    if (w.id / WARPS_TOGETHER * WARPS_TOGETHER + WARPS_TOGETHER > b.warps.size())
        fault(b, w, 0, Kind::check, "an instruction of four warps, of which there are fewer");
}

// The four have to execute the same, with the same descriptors.
void together(Block &b, Warp &w, const Instruction &i, u64 left = 0, u64 right = 0) {
    Warpgroup &group = b.warpgroups[w.id / WARPS_TOGETHER];
    const Done mine{&i, left, right};
    u32 &count = group.done[w.id % WARPS_TOGETHER];
    if (count == group.log.size())
        group.log.push_back(mine);
    const Done &other = group.log[count++];
    if (other.instruction != mine.instruction)
        fault(b, w, 0, Kind::check, format("another warp of the four executes line %u: ", other.instruction->line) +
                                        other.instruction->text);
    if (other.left != left || other.right != right)
        fault(b, w, 0, Kind::check, "another warp of the four has other descriptors");
}

u64 same_in_all_lanes(const Block &b, const Warp &w, int row) {
    const Row &values = w.rows[row];
    for (u32 lane = 1; lane < LANES; lane++)
        if (values[lane] != values[0])
            fault(b, w, lane, Kind::check, "a descriptor that is another one in lane 0");
    return values[0];
}

// A matrix of rows whose K lies side by side ("K-major"), eight rows an atom; without swizzle chunks of eight rows lie
// side by side ("core matrices"), and the next ones of K as far on as the leading dimension says.
struct Operand {
    u32 start, atoms_apart, pitch, chunks_apart, swapped; // bytes; which bits of an address 7, 8, 9 are swapped into

    // Swizzle<n, 4, 3>: bits 4 to 4 + n - 1 of an address ^= bits 7 to 7 + n - 1.
    u32 at(u32 row, u32 chunk) const {
        const u32 plain = start + row / 8 * atoms_apart + row % 8 * pitch + chunk * chunks_apart;
        return plain ^ (plain >> 3 & swapped);
    }
};

// "Matrix Descriptor Format": start, distances in 16 bytes, base offset, swizzling mode.
Operand described(const Block &b, const Warp &w, u64 said) {
    const auto refuse = [&](const std::string &why) {
        fault(b, w, 0, Kind::check,
              format("the descriptor %#llx: ", static_cast<unsigned long long>(said)) + why);
    };
    const auto field = [&](u32 first) { return static_cast<u32>(said >> first & 0x3FFF) << 4; };
    const u32 mode = said >> 62, base = said >> 49 & 7;
    if (said & 0x3FF1C000C000C000) // 14, 15; 30, 31; 46 to 48; 52 to 61
        refuse("bits that mean nothing are set");
    if (base)
        refuse("patterns that begin elsewhere than at their multiples are not known here");
    if (mode == 0) {
        const u32 along = field(16), down = field(32);
        if (along < 8 * CHUNK || down < 8 * CHUNK || along == down)
            refuse(format("core matrices %u and %u bytes apart, which have %u", along, down, 8 * CHUNK));
        return {field(0), down, CHUNK, along, 0};
    }
    const u32 pitch = 256 >> mode;
    const Operand found{field(0), field(32), pitch, CHUNK, (pitch - 1) & ~(CHUNK - 1)};
    if (field(16) != CHUNK)
        refuse("a leading dimension where there is none");
    if (found.atoms_apart % (8 * pitch) || found.atoms_apart == 0)
        refuse(format("atoms %u bytes apart, which have %u", found.atoms_apart, 8 * pitch));
    if (found.start % (8 * pitch) + DEPTH > pitch)
        refuse(format("begins at %u, in no first row of a pattern", found.start));
    return found;
}

using Side = i32[DEPTH];

// Rows of an operand as numbers; of `watched` ones every check is made.
void fetch(Block &b, Warp &w, const Operand &from, u32 first, u32 rows, u32 watched_first, u32 watched, bool is_signed,
           Side *to, Product &product) {
    for (u32 row = first; row < first + rows; row++) {
        const bool mine = b.launch.checks && row >= watched_first && row < watched_first + watched;
        for (u32 chunk = 0; chunk < DEPTH / CHUNK; chunk++) {
            const u32 at = from.at(row, chunk);
            const u8 *bytes = b.shared.at(b, w, 0, at, CHUNK, CHUNK);
            if (mine) {
                b.shared.feed(b, w, at, CHUNK);
                product.reads.push_back(at);
            }
            for (u32 n = 0; n < CHUNK; n++)
                to[row - first][chunk * CHUNK + n] = is_signed ? static_cast<i8>(bytes[n]) : bytes[n];
        }
    }
}

void count_fetches(Block &b, const Operand &from, u32 first, u32 rows) { // eight rows of a chunk are a wavefront
    u64 addresses[LANES] = {};
    for (u32 row = first; row < first + rows; row += 8)
        for (u32 chunk = 0; chunk < DEPTH / CHUNK; chunk++) {
            for (u32 n = 0; n < 8; n++)
                addresses[n] = from.at(row + n, chunk);
            count_shared(b.counters, addresses, 0xFF, CHUNK);
        }
}

void need_accumulators(const Block &b, const Warp &w, const Instruction &i, bool added) {
    if (w.fences == 0)
        fault(b, w, 0, Kind::check, "no wgmma.fence before the first product");
    for (int row : i.accumulators) {
        const std::string &name = b.kernel.register_names[row];
        if (added && w.row_set[row] != ALL)
            fault(b, w, __builtin_ctz(~w.row_set[row]), Kind::check, "adds to " + name + ", which nothing has written");
        if (w.touched[row] > w.fences)
            fault(b, w, 0, Kind::check, "no wgmma.fence since " + name + " was touched");
        if (w.producing[row] && w.producing[row] != i.elements)
            fault(b, w, 0, Kind::check, name + " is written by a product of another shape in flight");
    }
}

} // namespace

// Bytes written before, by this thread, are there for what comes after a barrier and reads them past it.
void fence_proxy(Block &b, Warp &w, const Instruction &, u32 active) {
    if (b.launch.checks)
        b.shared.show(w, active);
}

void fence_warpgroup(Block &b, Warp &w, const Instruction &i, u32 active) {
    need_warpgroup(b, w, active);
    together(b, w, i);
    w.fences++;
}

// D = A B + D: 64 rows, 16 of each warp, `elements` columns, 32 of K. from: descriptors of A and of B by columns.
// variant: bit 0 A, bit 1 B is signed, bit 2 sums saturate. second_variant: 1 adds to D, 2 does if a predicate holds.
void multiply_together(Block &b, Warp &w, const Instruction &i, u32 active) {
    need_warpgroup(b, w, active);
    const u64 left = same_in_all_lanes(b, w, i.from[0]), right = same_in_all_lanes(b, w, i.from[1]);
    together(b, w, i, left, right);
    bool added = i.second_variant == 1;
    if (i.second_variant == 2) {
        const u32 held = w.predicates[i.predicate_from[0]] ^ (i.predicate_negated[0] ? ALL : 0);
        if (held != 0 && held != ALL)
            fault(b, w, 0, Kind::check, "whether it adds is different from lane to lane");
        added = held == ALL;
    }
    if (b.launch.checks)
        need_accumulators(b, w, i, added);
    const u32 columns = i.elements, part = w.id % WARPS_TOGETHER;
    const Operand a = described(b, w, left), bt = described(b, w, right);
    Product product{w.open_product, &i, {}};
    Side rows[ROWS], turned[256];
    // Of B each warp watches a part: all four together watch it all.
    const u32 watched = columns >= 32 ? columns / 4 / 8 * 8 : columns, first = columns >= 32 ? part * watched : 0;
    fetch(b, w, a, part * ROWS, ROWS, part * ROWS, ROWS, i.variant & 1, rows, product);
    fetch(b, w, bt, 0, columns, first, part == 3 ? columns - first : watched, i.variant & 2, turned, product);
    b.counters.mma += columns / 8; // what the same takes by mma.m16n8k32
    if (b.launch.checks) {
        count_fetches(b, a, part * ROWS, ROWS);
        count_fetches(b, bt, first, part == 3 ? columns - first : watched);
    }
    for (u32 n = 0; n < i.accumulators.size(); n++) {
        Row &to = w.rows[i.accumulators[n]];
        for (u32 lane = 0; lane < LANES; lane++) {
            const i32 *x = rows[lane / 4 + n / 2 % 2 * 8], *y = turned[n / 4 * 8 + lane % 4 * 2 + n % 2];
            i32 sum = 0; // below 2^21
            for (u32 k = 0; k < DEPTH; k++)
                sum += x[k] * y[k];
            const i64 whole = i64{sum} + (added ? static_cast<i32>(to[lane]) : 0);
            to[lane] = static_cast<u32>(i.variant & 4 ? std::clamp<i64>(whole, INT32_MIN, INT32_MAX) : whole);
        }
        w.row_set[i.accumulators[n]] = ALL;
        w.producing[i.accumulators[n]] = i.elements;
    }
    w.products.push_back(std::move(product));
}

void commit_products(Block &b, Warp &w, const Instruction &i, u32 active) {
    need_warpgroup(b, w, active);
    together(b, w, i);
    w.open_product++;
}

// variant: how many of the newest groups may stay in flight.
void wait_products(Block &b, Warp &w, const Instruction &i, u32 active) {
    need_warpgroup(b, w, active);
    together(b, w, i);
    const auto goes_on = [&](const Product &one) { return one.group + i.variant >= w.open_product; };
    const auto rest = std::stable_partition(w.products.begin(), w.products.end(), goes_on);
    for (auto one = rest; one != w.products.end(); ++one) {
        for (u32 at : one->reads)
            b.shared.fed(w, at, CHUNK);
        for (int row : one->instruction->accumulators)
            w.producing[row] = 0;
    }
    w.products.erase(rest, w.products.end());
    for (const Product &one : w.products) // to the same ones
        for (int row : one.instruction->accumulators)
            w.producing[row] = one.instruction->elements;
}

// At the end of a block: nobody was waited for in vain.
void need_same_ends(Block &b) {
    b.now = nullptr;
    for (const Warpgroup &group : b.warpgroups)
        for (u32 n = 0; n < WARPS_TOGETHER; n++)
            if (group.done[n] != group.log.size()) {
                const u32 warp = static_cast<u32>(&group - b.warpgroups.data()) * WARPS_TOGETHER + n;
                const u32 line = group.log[group.done[n]].instruction->line;
                fault(b, b.warps[warp], 0, Kind::trap,
                      format("returned without line %u, which others of the four execute", line));
            }
}

} // namespace ptx
