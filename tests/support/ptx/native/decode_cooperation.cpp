// Instructions that touch memory, and those of lanes and warps together.
#include <stdlib.h>

#include <algorithm>

#include "decode.h"

namespace ptx {

void Decoder::transfer() {
    const bool loads = s.name() == "ld";
    allow({"param", "shared", "shared::cta", "global", "const", "nc", "weak", "volatile", "v2", "v4", "v8", "ca", "cg",
           "cs", "L1::no_allocate", "L1::evict_last", "L1::evict_first", "L2::64B", "L2::128B", "L2::256B"});
    if (s.has("param") && loads)
        i.space = Space::parameter;
    else if (s.has("shared") || s.has("shared::cta"))
        i.space = Space::shared;
    else if (s.has("global") || (s.has("const") && loads))
        i.space = Space::global;
    else
        parser.refuse("generic addresses are not known here: " + s.text);
    i.run = loads ? load : store;
    i.element_bytes = width() / 8;
    i.elements = s.has("v2") ? 2 : s.has("v4") ? 4 : s.has("v8") ? 8 : 1;
    i.sign_extends = s.type()[0] == 's';
    need_operands(2, 2);
    const std::string &values = s.operands[loads ? 0 : 1];
    parser.address(s.operands[loads ? 1 : 0], &i.from[0], &i.offset);
    const auto names = is_list(values) ? list(values) : std::vector<std::string>{values};
    if (names.size() != i.elements || i.element_bytes == 0 || i.element_bytes * i.elements > 32)
        parser.refuse("another number of values: " + s.text);
    for (u32 k = 0; k < i.elements; k++)
        if (loads)
            to(k, names[k], width(), false);
        else
            from(1 + k, names[k], width(), false);
}

void Decoder::copy_async_() { // cp.async.cg.shared.global [to], [from], 16, size
    i.space = Space::shared;
    if (s.has("commit_group")) {
        i.run = commit_group;
        return;
    }
    if (s.has("wait_group") || s.has("wait_all")) {
        i.run = wait_group;
        i.second_variant = s.has("wait_all");
        if (!i.second_variant) {
            need_operands(1, 1);
            i.variant = static_cast<u32>(atoi(s.operands[0].c_str()));
        }
        return;
    }
    if (!s.has("async") || !(s.has("shared") || s.has("shared::cta")) || s.type() != "global")
        parser.refuse(s.text);
    allow({"async", "ca", "cg", "shared", "shared::cta", "L2::64B", "L2::128B", "L2::256B"});
    i.run = copy_async;
    need_operands(3, 4);
    parser.address(s.operands[0], &i.from[0], &i.offset);
    parser.address(s.operands[1], &i.from[1], &i.second_offset);
    i.element_bytes = static_cast<u32>(atoi(s.operands[2].c_str()));
    if (i.from[1] < 0)
        i.from[1] = parser.constant(0);
    if (s.operands.size() == 4)
        from(2, s.operands[3], 32);
    const bool sized = s.has("cg") ? i.element_bytes == 16
                                   : i.element_bytes == 4 || i.element_bytes == 8 || i.element_bytes == 16;
    if (!sized)
        parser.refuse("cp.async of another size: " + s.text);
}

void Decoder::matrix_load() { // ldmatrix.sync.aligned.m8n8.x4.shared.b16 {..}, [..]
    allow({"sync", "aligned", "m8n8", "x1", "x2", "x4", "trans", "shared", "shared::cta"});
    if (!s.has("m8n8") || !(s.has("shared") || s.has("shared::cta")) || s.type() != "b16")
        parser.refuse(s.text);
    i.run = load_matrix;
    i.space = Space::shared;
    i.variant = s.has("trans");
    need_operands(2, 2);
    const auto targets = list(s.operands[0]);
    i.elements = static_cast<u32>(targets.size());
    if (!s.has(format("x%u", i.elements)))
        parser.refuse("another number of registers: " + s.text);
    for (u32 k = 0; k < i.elements; k++)
        to(k, targets[k], 32);
    parser.address(s.operands[1], &i.from[0], &i.offset);
    if (i.from[0] < 0)
        i.from[0] = parser.constant(0);
}

void Decoder::matrix_product() { // mma.sync.aligned.m16n8k32.row.col.satfinite.s32.u8.s8.s32
    allow({"sync", "aligned", "m16n8k32", "m16n8k16", "m8n8k16", "row", "col", "satfinite"}, 4);
    if (s.words.size() < 10 || s.words[4] != "row" || s.words[5] != "col")
        parser.refuse(s.text);
    const std::string *types = &s.words[s.words.size() - 4];
    const auto byte = [](const std::string &t) { return t == "u8" || t == "s8"; };
    if (types[0] != "s32" || types[3] != "s32" || !byte(types[1]) || !byte(types[2]))
        parser.refuse("mma of another type: " + s.text);
    i.run = multiply_matrices;
    i.elements = s.has("m8n8k16") ? 1 : 2;
    i.element_bytes = s.has("m16n8k32") ? 32 : 16;
    i.variant = (types[1] == "s8" ? 1 : 0) | (types[2] == "s8" ? 2 : 0) | (s.has("satfinite") ? 4 : 0);
    need_operands(4, 4);
    const u32 depth = i.element_bytes / 16, sizes[] = {2 * i.elements, i.elements * depth, depth, 2 * i.elements};
    u32 source = 0;
    for (u32 n = 0; n < 4; n++) {
        const auto names = is_list(s.operands[n]) ? list(s.operands[n]) : std::vector<std::string>{s.operands[n]};
        if (names.size() != sizes[n])
            parser.refuse("another number of registers: " + s.text);
        for (u32 k = 0; k < names.size(); k++)
            if (n == 0)
                to(k, names[k], 32);
            else
                from(source++, names[k], 32);
    }
}

void Decoder::fence() { // fence.proxy.async.shared::cta; all others: accesses happen in the order of the text here
    i.run = nothing;
    if (s.has("mbarrier_init")) {
        allow({"mbarrier_init", "release", "cluster"}, 0);
        parser.need_architecture(90, s.text);
        i.run = show_barriers;
    }
    if (!s.has("proxy"))
        return;
    allow({"proxy", "async", "shared::cta", "global"}, 0);
    if (!s.has("async"))
        parser.refuse(s.text);
    if (!s.has("global"))
        i.run = fence_proxy;
}

// wgmma.mma_async.sync.aligned.m64n128k32.satfinite.s32.u8.s8 {..}, a, b, scale; fence, commit_group, wait_group 1
void Decoder::warpgroup() {
    parser.kernel().warpgroups = true;
    const std::string kind = s.words.size() > 1 ? s.words[1] : "";
    if (s.words.size() < 4 || s.words[2] != "sync" || s.words[3] != "aligned")
        parser.refuse(s.text);
    if (kind != "mma_async") {
        i.run = kind == "fence"          ? fence_warpgroup
                : kind == "commit_group" ? commit_products
                : kind == "wait_group"   ? wait_products
                                         : nullptr;
        if (i.run == nullptr || s.words.size() > 4)
            parser.refuse(s.text);
        need_operands(kind == "wait_group", kind == "wait_group");
        if (kind == "wait_group")
            i.variant = static_cast<u32>(atoi(s.operands[0].c_str()));
        return;
    }
    allow({"mma_async", "sync", "aligned", "satfinite", s.words.size() > 4 ? s.words[4] : ""}, 3);
    const std::string *types = &s.words[s.words.size() - 3];
    const auto byte = [](const std::string &t) { return t == "u8" || t == "s8"; };
    if (s.words.size() != 8u + s.has("satfinite") || types[0] != "s32" || !byte(types[1]) || !byte(types[2]))
        parser.refuse("wgmma of another type: " + s.text);
    i.elements = static_cast<u32>(atoi(s.words[4].c_str() + std::min<size_t>(4, s.words[4].size())));
    const bool sized = i.elements == 8 || i.elements == 24 || (i.elements % 16 == 0 && i.elements && i.elements <= 256);
    if (s.words[4] != format("m64n%uk32", i.elements) || !sized)
        parser.refuse("wgmma of another shape: " + s.text);
    i.run = multiply_together;
    i.variant = (types[1] == "s8" ? 1 : 0) | (types[2] == "s8" ? 2 : 0) | (s.has("satfinite") ? 4 : 0);
    need_operands(4, 4);
    for (const std::string &name : list(s.operands[0]))
        i.accumulators.push_back(parser.target(name, 32, true));
    const std::set<int> different(i.accumulators.begin(), i.accumulators.end());
    if (i.accumulators.size() != i.elements / 2 || different.size() != i.elements / 2 || different.count(-1))
        parser.refuse("another number of registers: " + s.text);
    from(0, s.operands[1], 64);
    from(1, s.operands[2], 64);
    if (s.operands[3] == "0" || s.operands[3] == "1") {
        i.second_variant = s.operands[3] == "1";
    } else {
        i.second_variant = 2;
        predicate_from(0, s.operands[3]);
    }
}

void Decoder::lanes() {
    const std::string &name = s.name();
    if (name == "shfl") { // shfl.sync.bfly.b32 d|p, a, b, c, members
        const std::string modes[] = {"up", "down", "bfly", "idx"};
        if (s.words.size() != 4 || s.words[1] != "sync" || s.type() != "b32")
            parser.refuse(s.text);
        i.run = shuffle;
        i.variant = static_cast<u32>(std::find(modes, modes + 4, s.words[2]) - modes);
        need_operands(5, 5);
        const auto targets = split(s.operands[0], "|");
        to(0, targets[0], 32);
        if (targets.size() > 1)
            predicate_to(0, targets[1]);
        for (u32 k = 0; k < 4; k++)
            from(k, s.operands[1 + k], 32);
        if (i.variant > 3)
            parser.refuse(s.text);
        return;
    }
    need_operands(3, 3);
    if (s.operands[2] != "-1" && s.operands[2] != "0xffffffff" && s.operands[2] != "4294967295")
        parser.refuse("of a part of the warp: " + s.text);
    if (name == "vote") {
        const std::string modes[] = {"all", "any", "ballot"};
        i.run = vote;
        i.variant = s.words.size() == 4 ? static_cast<u32>(std::find(modes, modes + 3, s.words[2]) - modes) : 3;
        if (i.variant == 2)
            to(0, s.operands[0], 32);
        else
            predicate_to(0, s.operands[0]);
        predicate_from(0, s.operands[1]);
    } else { // redux.sync.add.s32 d, a, members
        const std::string modes[] = {"add", "min", "max"};
        i.run = reduce;
        i.variant = s.words.size() == 4 ? static_cast<u32>(std::find(modes, modes + 3, s.words[2]) - modes) : 3;
        i.sign_extends = s.type() == "s32";
        to(0, s.operands[0], 32);
        from(0, s.operands[1], 32);
    }
    if (i.variant == 3)
        parser.refuse(s.text);
}

void Decoder::barrier_() { // bar.sync 0, 64; barrier.sync.aligned 0; bar.arrive 1, 64; bar.warp.sync -1
    if (s.has("warp")) {
        i.run = synchronize_warp;
        return;
    }
    allow({"sync", "arrive", "aligned", "cta"}, 0);
    if (!s.has("sync") && !s.has("arrive"))
        parser.refuse(s.text);
    i.run = barrier;
    i.variant = s.has("arrive");
    need_operands(i.variant ? 2 : 1, 2);
    for (u32 k = 0; k < s.operands.size(); k++)
        from(k, s.operands[k], 32);
}

} // namespace ptx
