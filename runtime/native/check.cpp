// What is checked of a program before it is packed and trusted: runtime/cpu/program.py and runtime/buffers.py in C++.
#include <float.h>
#include <math.h>

#include <algorithm>

#include "layout.h"
#include "program.h"

namespace dyadic {
namespace {

const char *const GIVEN[] = {"", "int64", "int32", "bool", "float32", "uint8", "int8"};
const size_t MAX_STEP_INPUTS = 4;
const int64_t WORD = 8; // bytes of a scalar

void check_buffers(const CpuProgram &p, const Where &root) {
    const int64_t words = WORD * (int64_t)p.scalars.size();
    const std::map<std::string, int64_t> sizes = {
        {"arena", p.arena_bytes},
        {"state", p.state_bytes},
        {"scalars", std::max(ALIGNMENT, (words + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT)}};
    const Where buffers{&root, "buffers", 0};
    Where where{&buffers, nullptr, 0};
    for (const Region &buffer : p.buffers) {
        const Where kind{&where, "kind", 0}, size{&where, "size", 0}, offset{&where, "offset", 0};
        const auto room = sizes.find(buffer.kind);
        if (room == sizes.end())
            throw wrong(kind, "'" + buffer.kind + "'", "one of arena, state, scalars");
        check_between(buffer.size, 0, room->second, size);
        check_between(buffer.offset, 0, room->second - buffer.size, offset);
        check_multiple(buffer.offset, ALIGNMENT, offset);
        check_multiple(buffer.size, ALIGNMENT, size);
        where.index++;
    }
}

void check_place(const CpuProgram &p, const Place &at, const Where &where, int64_t constants) {
    check_between(at.buffer, constants ? -1 : 0, (Wide)p.buffers.size() - 1, {&where, "buffer", 0});
    const int64_t size = at.buffer < 0 ? constants : p.buffers[at.buffer].size;
    check_between(at.offset, 0, size - 1, {&where, "offset", 0});
}

void check_port(const CpuProgram &p, const Port &t, const Where &where) {
    const Where layout{&where, "layout", 0}, strides{&layout, "strides", 0}, halo{&layout, "halo", 0};
    std::vector<int64_t> sizes = t.sizes(), whole = t.array();
    const bool finite = std::isfinite(t.scale) && t.scale > 0 && t.scale <= FLT_MAX;
    if (!finite || (double)(float)t.scale != t.scale)
        throw wrong({&where, "scale", 0}, text("%g", t.scale), "a positive float32 number");
    const Layout &at = t.layout;
    const bool wide = t.is_wide(), ids = t.is_ids();
    const int64_t least = ids ? INT32_MIN : wide ? INT16_MIN : 0, most = ids ? INT32_MAX : wide ? INT16_MAX : 255;
    check_between(t.lo, least, most, {&where, "lo", 0});
    check_between(t.hi, t.lo, most, {&where, "hi", 0});
    check_between(t.zero_point, wide ? 0 : t.lo, wide ? 0 : t.hi, {&where, "zero_point", 0});
    if (t.is_input) {
        if (!ids && t.dtype != "float32" && t.dtype != (wide ? "int16" : "uint8"))
            throw wrong({&where, "dtype", 0}, "'" + t.dtype + "'", "'float32' or that of its integers");
        if (std::find(std::begin(GIVEN), std::end(GIVEN), t.given) == std::end(GIVEN))
            throw wrong({&where, "given", 0}, "'" + t.given + "'", "a type that users give whole numbers as");
        check_between(t.padding, INT32_MIN, INT32_MAX, {&where, "padding", 0});
        check_between(t.mark, -1, wide || ids ? -1 : t.hi, {&where, "mark", 0});
    }
    if (ids) {
        if (wide || !at.halo.empty() || t.scale != 1 || t.zero_point != 0)
            throw wrong(layout, "another", "no planes, no margins and a scale of 1 for numbers that are looked up");
        sizes.push_back(ID_BYTES);
        whole.push_back(ID_BYTES);
    }
    product(sizes, {&where, "shape", 0});
    product(whole, {&where, "whole", 0});

    check_between(at.buffer, 0, (Wide)p.buffers.size() - 1, {&layout, "buffer", 0});
    if (p.buffers[at.buffer].kind == "scalars")
        throw wrong({&layout, "buffer", 0}, std::to_string(at.buffer), "one of the arena or the state");
    const int64_t room = p.buffers[at.buffer].size;
    if (at.image != room)
        throw wrong({&layout, "image", 0}, std::to_string(at.image),
                    std::to_string(room) + ", the size of its buffer");
    if (at.strides.size() != sizes.size() || (!at.halo.empty() && at.halo.size() != sizes.size()))
        throw wrong(layout, "another", text("a stride and a margin for each of %zu sizes", sizes.size()));
    Wide first = 0, last = 1;
    for (size_t d = 0; d < sizes.size(); d++) {
        const Margin margin = at.halo.empty() ? Margin{} : at.halo[d];
        check_between(at.strides[d], 1, LIMIT, strides);
        check_between(margin.before, 0, 1 << 15, halo);
        check_between(margin.after, 0, 1 << 15, halo);
        first += (Wide)margin.before * at.strides[d];
        last += ((Wide)sizes[d] - 1 + margin.after) * at.strides[d];
    }
    check_between(at.plane, 0, room, {&layout, "plane", 0});
    if (wide && at.plane < last + first)
        throw wrong({&layout, "plane", 0}, std::to_string(at.plane), "0 or at least the size of a plane");
    check_between(at.offset, first, room - last - at.plane, {&layout, "offset", 0});
    Rows rows;
    if (const char *expected = rows_of(sizes, at, whole, &rows))
        throw wrong(strides, "another", expected);
}

// All inputs are quantized before the first step, so their buffers must not share memory.
void check_inputs_apart(const CpuProgram &p) {
    std::vector<int64_t> used;
    for (const Port &input : p.inputs)
        used.push_back(input.layout.buffer);
    std::sort(used.begin(), used.end());
    used.erase(std::unique(used.begin(), used.end()), used.end());
    std::sort(used.begin(), used.end(), [&](int64_t a, int64_t b) {
        const Region &one = p.buffers[a], &other = p.buffers[b];
        return std::tie(one.kind, one.offset, one.size) < std::tie(other.kind, other.offset, other.size);
    });
    for (size_t i = 1; i < used.size(); i++) {
        const Region &one = p.buffers[used[i - 1]], &other = p.buffers[used[i]];
        if (one.kind == other.kind && one.offset + one.size > other.offset)
            throw Refused{DYADIC_ARTIFACT, text("the artifact's input buffers %lld and %lld overlap in the %s",
                                                (long long)used[i - 1], (long long)used[i], one.kind.c_str())};
    }
}

void check_step(const CpuProgram &p, const ProgramStep &step, const Where &where, int64_t weights, int64_t params) {
    const Where inputs{&where, "inputs", 0}, out{&where, "out", 0};
    if (step.inputs.size() > MAX_STEP_INPUTS)
        throw wrong(inputs, std::to_string(step.inputs.size()), text("at most %zu", MAX_STEP_INPUTS));
    check_place(p, step.out, out, 0);
    if (p.buffers[step.out.buffer].kind == "scalars")
        throw wrong({&out, "buffer", 0}, std::to_string(step.out.buffer),
                    "one that may be written, which scalars are not");
    Where input{&inputs, nullptr, 0};
    for (const Place &at : step.inputs) {
        check_place(p, at, input, weights);
        input.index++;
    }
    const Where weight_tiles{&where, "weight_tiles", 0};
    check_between(step.tiles, 1, (int64_t)1 << 31, {&where, "tiles", 0});
    check_between(step.weight_tiles, 0, step.tiles, weight_tiles);
    if (step.weight_tiles && step.tiles % step.weight_tiles)
        throw wrong(weight_tiles, std::to_string(step.weight_tiles), "a divisor of " + std::to_string(step.tiles));
    check_between(step.macs, 0, (int64_t)1 << 62, {&where, "macs", 0});
    check_between(step.weights, -1, weights - 1, {&where, "weights", 0});
    check_between(step.params, -1, params - 1, {&where, "params", 0});
    if (step.params >= 0)
        check_multiple(step.params, 4, {&where, "params", 0});
}

void check_memory(const CpuProgram &p, int64_t weights, int64_t params) {
    const Where root{nullptr, "program", 0}, arena{&root, "arena_bytes", 0}, state{&root, "state_bytes", 0};
    check_between(p.arena_bytes, 0, LIMIT, arena);
    check_between(p.scratch_bytes, 0, LIMIT, {&root, "scratch_bytes", 0});
    check_multiple(p.arena_bytes, ALIGNMENT, arena);
    check_between(p.together, 0, p.steps.size(), {&root, "together", 0});
    check_between(p.state_bytes, 0, LIMIT, state);
    check_multiple(p.state_bytes, ALIGNMENT, state);
    check_buffers(p, root);
    check_interface(p);
    for (const auto *ports : {&p.inputs, &p.outputs}) {
        const Where kind{&root, ports == &p.inputs ? "inputs" : "outputs", 0};
        Where where{&kind, nullptr, 0};
        for (const Port &port : *ports) {
            check_port(p, port, where);
            where.index++;
        }
    }
    check_inputs_apart(p);
    const Where steps{&root, "steps", 0};
    Where where{&steps, nullptr, 0};
    for (const ProgramStep &step : p.steps) {
        check_step(p, step, where, weights, params);
        where.index++;
    }
}

} // namespace

void check_program(const CpuProgram &p, const std::map<std::string, int64_t> &lengths) {
    for (const std::string &name : p.sections())
        if (!lengths.count(name))
            throw Refused{DYADIC_ARTIFACT, "it has no section '" + name + "'"};
    check_memory(p, lengths.at(p.weights), lengths.at(p.params));
    if (p.entries.empty())
        throw Refused{DYADIC_ARTIFACT, "its program has no entries, so there is no code to run"};
    for (const auto &level : p.entries) {
        const std::string image = p.image(level.first);
        for (const auto &kernel : level.second) {
            const Entry &at = kernel.second;
            if (at.offset < 0 || at.length < 1 || (Wide)at.offset + at.length > lengths.at(image))
                throw Refused{DYADIC_ARTIFACT, text("kernel '%s' at %lld of length %lld is outside %s",
                                                    kernel.first.c_str(), (long long)at.offset, (long long)at.length,
                                                    image.c_str())};
        }
        for (size_t i = 0; i < p.steps.size(); i++)
            if (!level.second.count(p.steps[i].kernel))
                throw Refused{DYADIC_ARTIFACT, text("step %zu ('%s') calls '%s', which %s lacks", i,
                                                    p.steps[i].layer.c_str(), p.steps[i].kernel.c_str(),
                                                    image.c_str())};
    }
}

} // namespace dyadic
