// Runs a launch: clusters of blocks one after the other, their warps by turns from barrier to barrier, lanes that
// diverged until they meet again.
#include <stdarg.h>
#include <stdio.h>

#include <algorithm>
#include <iterator>
#include <tuple>

#include "state.h"

namespace ptx {

std::string format(const char *pattern, ...) {
    char text[400];
    va_list arguments;
    va_start(arguments, pattern);
    vsnprintf(text, sizeof text, pattern, arguments);
    va_end(arguments);
    return text;
}

Kernel::Kernel() = default;
Kernel::~Kernel() = default;

void learn(Clock &clock, const Clock &other) {
    clock.resize(std::max(clock.size(), other.size()));
    for (size_t n = 0; n < other.size(); n++)
        clock[n] = std::max(clock[n], other[n]);
}

void meet(Warp &w) {
    for (Clock &heard : w.heard_by)
        if (!heard.empty())
            learn(w.clock, heard), heard.clear();
    w.clock[w.number]++;
}

[[noreturn]] void fault(const Block &b, const Warp &w, u32 lane, Kind kind, const std::string &what) {
    const std::string where = format("%s, block (%u, %u, %u), warp %u, lane %u", b.kernel.name.c_str(), b.place[0],
                                     b.place[1], b.place[2], w.id, lane);
    const std::string at = b.now ? format("\n  PTX line %u: ", b.now->line) + b.now->text : std::string();
    throw Fault(kind, where + ": " + what + at);
}

void branch(Block &b, Warp &w, const Instruction &i, u32 active) {
    const u32 rest = w.active & ~active;
    if (rest) {
        b.counters.divergent_branches++;
        w.diverged.push_back({w.next, rest}); // `next` is already behind the branch
    }
    w.active = active;
    w.next = i.target;
}

void leave(Block &b, Warp &w, const Instruction &, u32 active) {
    for (const InFlight &copy : w.in_flight)
        if (active >> copy.lane & 1)
            fault(b, w, copy.lane, Kind::check, "returns while a cp.async is in flight");
    if (!w.products.empty())
        fault(b, w, 0, Kind::check, "returns while a wgmma is in flight");
    w.live &= ~active;
    w.active &= ~active;
}

void trap(Block &b, Warp &w, const Instruction &, u32) { fault(b, w, 0, Kind::trap, "trap"); }

void nothing(Block &, Warp &, const Instruction &, u32) {}

namespace {

const u64 POISON = 0x5A5A5A5A5A5A5A5A;

// Lanes furthest behind go first, and others join them where they come by. Those that are at what lanes do together wait
// there for the others, as ptxas has them do that meets branches again where they end: where the text has the code of a
// branch behind that of its end, it would else come too late.
void reconverge(const Block &b, Warp &w) {
    auto &rest = w.diverged;
    if (!w.active && rest.empty())
        return;
    const auto order = [&](int at) { return std::pair(b.kernel.code[at].meets, at); };
    const auto first = std::min_element(rest.begin(), rest.end(), [&](const auto &one, const auto &other) {
        return order(one.first) < order(other.first);
    });
    if (!w.active) {
        std::tie(w.next, w.active) = *first;
        rest.erase(first);
    } else if (first != rest.end() && order(first->first) < order(w.next)) {
        std::swap(first->first, w.next);
        std::swap(first->second, w.active);
    }
    for (auto other = rest.begin(); other != rest.end();)
        if (other->first == w.next) {
            w.active |= other->second;
            other = rest.erase(other);
        } else {
            ++other;
        }
}

void need_set(const Block &b, const Warp &w, const Instruction &i, u32 active) {
    for (int row : i.from)
        if (row >= 0 && (active & ~w.row_set[row]))
            fault(b, w, __builtin_ctz(active & ~w.row_set[row]), Kind::check,
                  "reads " + b.kernel.register_names[row] + ", which nothing has written");
    for (int p : i.predicate_from)
        if (p >= 0 && (active & ~w.predicate_set[p]))
            fault(b, w, __builtin_ctz(active & ~w.predicate_set[p]), Kind::check,
                  "reads a predicate that nothing has written");
}

// What products of four warps in flight write nothing else may touch.
void need_at_rest(const Block &b, Warp &w, const Instruction &i) {
    const auto touch = [&](int row) {
        if (row < 0)
            return;
        if (w.producing[row])
            fault(b, w, 0, Kind::check, "touches " + b.kernel.register_names[row] + ", which a wgmma in flight writes");
        w.touched[row] = w.fences + 1;
    };
    std::for_each(i.from.begin(), i.from.end(), touch);
    std::for_each(i.to.begin(), i.to.end(), touch);
}

// Up to the next barrier that holds it back, or the end.
void advance(Block &b, Warp &w) {
    const bool checks = b.launch.checks;
    while (w.live) {
        if (!w.diverged.empty() || !w.active)
            reconverge(b, w);
        const Instruction &i = b.kernel.code[w.next++];
        b.now = &i;
        if (++b.counters.instructions > b.launch.most_instructions)
            fault(b, w, 0, Kind::trap, format("still runs after %llu instructions",
                                              static_cast<unsigned long long>(b.launch.most_instructions)));
        u32 active = w.active;
        if (i.guard >= 0) {
            if (checks && (active & ~w.predicate_set[i.guard]))
                fault(b, w, 0, Kind::check, "asks a predicate that nothing has written");
            active &= w.predicates[i.guard] ^ (i.guard_negated ? ALL : 0);
        }
        if (!active)
            continue;
        if (checks)
            need_set(b, w, i, active);
        if (checks && b.kernel.warpgroups)
            need_at_rest(b, w, i);
        i.run(b, w, i, active);
        if (checks) {
            for (int row : i.to)
                if (row >= 0)
                    w.row_set[row] |= active;
            for (int p : i.predicate_to)
                if (p >= 0)
                    w.predicate_set[p] |= active;
        }
        if (w.waits())
            return;
    }
}

void start(const Block &b, Warp &w, u32 id, u32 threads, const u32 *grid) {
    const Kernel &k = b.kernel;
    const u32 *size = b.launch.block;
    w.id = id;
    w.number = b.rank * static_cast<u32>(b.warps.size()) + id;
    const u32 lanes = std::min(LANES, threads - id * LANES);
    w.live = w.active = w.started = lanes == LANES ? ALL : (1u << lanes) - 1;
    w.next = 0;
    w.diverged.clear();
    w.in_flight.clear();
    w.open_group.fill(0);
    w.products.clear();
    w.open_product = w.fences = 0;
    w.touched.assign(k.registers, 0);
    w.producing.assign(k.registers, 0);
    w.waits_at = -1;
    w.tried = {};
    w.waits_in_memory = w.arrived = w.waits_for_cluster = false;
    w.clock.assign(b.cluster->warps, 1);
    w.clock.resize(k.asynchronous ? FIRST_BARRIER + MOST_BARRIERS : b.cluster->warps);
    for (Clock &heard : w.heard_by)
        heard.clear();
    Row poison;
    poison.fill(POISON);
    w.rows.assign(k.registers, poison);
    w.row_set.assign(k.registers, 0);
    w.predicates.assign(k.predicates, 0);
    w.predicate_set.assign(k.predicates, 0);
    for (u32 lane = 0; lane < LANES; lane++) {
        const u32 thread = id * LANES + lane;
        const u32 special[] = {// in the order of SPECIAL in parse.cpp
                               thread % size[0], thread / size[0] % size[1], thread / size[0] / size[1],
                               size[0], size[1], size[2],
                               b.place[0], b.place[1], b.place[2],
                               grid[0], grid[1], grid[2],
                               lane, id};
        for (u32 n = 0; n < std::size(special); n++)
            w.rows[n][lane] = special[n];
    }
    std::fill(w.row_set.begin(), w.row_set.begin() + 14, ALL);
    for (const auto &[row, value] : k.constants) {
        w.rows[row].fill(value);
        w.row_set[row] = ALL;
    }
}

// Whether a warp cannot go on yet.
bool held(Block &b, Warp &w) {
    if (w.waits_at >= 0) {
        const Barrier &bar = b.barriers[w.waits_at];
        if (bar.generation == w.waits_since)
            return true;
        learn(w.clock, bar.released);
        w.waits_at = -1;
    }
    if (w.waits_in_memory) {
        if (b.memory_barriers.at(w.tried.address).phase == w.tried.phase)
            return true;
        w.waits_in_memory = false; // and tries again
    }
    return w.waits_for_cluster && held_by_cluster(*b.cluster, w);
}

void run_cluster(Cluster &cluster, u64 &random) {
    std::vector<std::pair<Block *, Warp *>> every;
    for (Block &b : cluster.blocks)
        for (Warp &w : b.warps)
            every.push_back({&b, &w});
    const u32 warps = cluster.warps;
    for (u32 left = warps; left;) {
        left = 0;
        bool moved = false;
        random = random * 6364136223846793005u + 1442695040888963407u;
        const u32 first = static_cast<u32>(random >> 33) % warps;
        for (u32 n = 0; n < warps; n++) {
            auto [b, w] = every[(first + n) % warps];
            if (!w->live)
                continue;
            left++;
            if (held(*b, *w))
                continue;
            advance(*b, *w);
            moved = true;
        }
        if (left && !moved) {
            const auto waiting =
                std::find_if(every.begin(), every.end(), [](const auto &one) { return one.second->live; });
            fault(*waiting->first, *waiting->second, 0, Kind::trap,
                  format("deadlock: %u of %u warps wait at barriers", left, warps));
        }
    }
    for (Block &b : cluster.blocks)
        need_same_ends(b);
    need_waited_for(cluster);
}

void begin(Block &b, u32 threads) {
    const Kernel &k = b.kernel;
    const u32 warps = static_cast<u32>(b.warps.size());
    b.barriers.clear();
    b.memory_barriers.clear();
    b.warpgroups.assign((warps + WARPS_TOGETHER - 1) / WARPS_TOGETHER, {});
    b.shared.reset(k.shared_end + b.launch.shared_bytes, b.rank * warps, warps, b.launch.checks, k.warpgroups);
    for (u32 n = 0; n < warps; n++)
        start(b, b.warps[n], n, threads, b.launch.grid);
}

} // namespace

Counters run(const Kernel &k, const Launch &launch, Memory &memory) {
    const u32 threads = launch.block[0] * launch.block[1] * launch.block[2];
    if (threads == 0 || threads > 1024 || (k.most_threads && threads > k.most_threads))
        throw Fault(Kind::trap, k.name + format(": a block of %u threads; .maxntid is %u", threads, k.most_threads));
    const u32 *grid = launch.grid, *size = k.cluster;
    for (u32 n = 0; n < 3; n++)
        if (grid[n] % size[n])
            throw Fault(Kind::trap, k.name + format(": a grid of %u x %u x %u blocks, in clusters of %u x %u x %u",
                                                    grid[0], grid[1], grid[2], size[0], size[1], size[2]));
    memory.launches++;
    Counters counters;
    u64 random = launch.order;
    Cluster cluster;
    const u32 ranks = size[0] * size[1] * size[2], warps = (threads + LANES - 1) / LANES;
    cluster.warps = ranks * warps;
    if (cluster.warps > FIRST_BARRIER)
        throw Fault(Kind::trap, k.name + format(": a cluster of %u warps; no more than %u are known here",
                                                cluster.warps, FIRST_BARRIER));
    for (u32 rank = 0; rank < ranks; rank++)
        cluster.blocks.push_back(
            {k, launch, memory, counters, {}, 0, rank, std::vector<Warp>(warps), {}, {}, {}, nullptr, &cluster, {}});
    for (u32 z = 0; z < grid[2]; z += size[2])
        for (u32 y = 0; y < grid[1]; y += size[1])
            for (u32 x = 0; x < grid[0]; x += size[0]) {
                cluster.memory_barriers = cluster.arrived = 0;
                cluster.generation = 0;
                cluster.gathered.clear();
                for (Block &b : cluster.blocks) {
                    b.place[0] = x + b.rank % size[0];
                    b.place[1] = y + b.rank / size[0] % size[1];
                    b.place[2] = z + b.rank / size[0] / size[1];
                    b.index = (b.place[2] * grid[1] + b.place[1]) * grid[0] + b.place[0];
                    begin(b, threads);
                }
                run_cluster(cluster, random);
            }
    return counters;
}

} // namespace ptx
