// Reads a program from the header: fields and their types, nothing of what they say.
#include "program.h"

#include <algorithm>

namespace dyadic {
namespace {

std::string as_text(const Json &value) { return value.text(); }
int64_t as_whole(const Json &value) { return value.whole(); }

Place read_place(const Json &value) {
    const auto fields = value.list(2, 2, "a list of buffer, offset");
    const Where buffer{&value.where(), "buffer", 0}, offset{&value.where(), "offset", 0};
    return {Json(fields[0], buffer).whole(), Json(fields[1], offset).whole()};
}

Region read_region(const Json &value) {
    const auto fields = value.list(2, 3, "a list of offset, size, kind");
    const Where offset{&value.where(), "offset", 0}, size{&value.where(), "size", 0}, kind{&value.where(), "kind", 0};
    Region region{Json(fields[0], offset).whole(), Json(fields[1], size).whole(), "arena"};
    if (fields.size() > 2)
        region.kind = Json(fields[2], kind).text();
    return region;
}

Margin read_margin(const Json &value) {
    const auto fields = value.list(2, 2, "a list of before, after");
    const Where before{&value.where(), "before", 0}, after{&value.where(), "after", 0};
    return {Json(fields[0], before).whole(), Json(fields[1], after).whole()};
}

Layout read_layout(const Json &value) {
    Layout layout;
    const Fields fields(value, {"buffer", "offset", "strides", "image", "halo", "plane"});
    fields(0, [&](const Json &v) { layout.buffer = v.whole(); });
    fields(1, [&](const Json &v) { layout.offset = v.whole(); });
    fields(2, [&](const Json &v) { layout.strides = v.each(as_whole); });
    fields(3, [&](const Json &v) { layout.image = v.whole(); });
    fields(4, [&](const Json &v) { layout.halo = v.each(read_margin); });
    fields(5, [&](const Json &v) { layout.plane = v.whole(); });
    return layout;
}

LastFunction read_last(const Json &value) {
    LastFunction last;
    const auto fields = value.list(0, 5, "a list of name, axis, left_out, entries, shape");
    const char *names[] = {"name", "axis", "left_out", "entries", "shape"};
    for (size_t i = 0; i < fields.size(); i++) {
        const Where where{&value.where(), names[i], 0};
        const Json field(fields[i], where);
        switch (i) {
        case 0: last.name = field.text(); break;
        case 1: last.axis = field.whole(); break;
        case 2: last.left_out = field.truth(); break;
        case 3: last.entries = field.whole(); break;
        default: last.shape = field.each(as_whole);
        }
    }
    return last;
}

int64_t read_size(const Json &value) { // of a shape: a name or a number
    if (value.is_text())
        return value.text() == "N" ? BATCH : OTHER_NAME;
    if (value.is_whole())
        return std::max(value.whole(), OTHER_NAME + 1);
    throw wrong(value.where(), value.shown(), "a name or a number");
}

Port read_input(const Json &value) {
    Port port;
    port.is_input = true;
    const Fields fields(value, {"name", "shape", "dtype", "layout", "scale", "zero_point", "lo", "hi", "given",
                                "tokens", "padding", "fixed", "mark"});
    fields(0, [&](const Json &v) { port.name = v.text(); });
    fields(1, [&](const Json &v) { port.shape = v.each(read_size); });
    fields(2, [&](const Json &v) { port.dtype = v.text(); });
    fields(3, [&](const Json &v) { port.layout = read_layout(v); });
    fields(4, [&](const Json &v) { port.scale = v.number(); });
    fields(5, [&](const Json &v) { port.zero_point = v.whole(); });
    fields(6, [&](const Json &v) { port.lo = v.whole(); });
    fields(7, [&](const Json &v) { port.hi = v.whole(); });
    fields(8, [&](const Json &v) { port.given = v.text(); });
    fields(9, [&](const Json &v) { port.tokens = v.whole(); });
    fields(10, [&](const Json &v) { port.padding = v.whole(); });
    fields(11, [&](const Json &v) { port.fixed = v.text(); });
    fields(12, [&](const Json &v) { port.mark = v.whole(); });
    return port;
}

Port read_output(const Json &value) {
    Port port;
    const Fields fields(value, {"name", "shape", "layout", "scale", "zero_point", "lo", "hi", "start", "whole",
                                "tokens", "last", "batch_axis", "given", "fixed"});
    fields(0, [&](const Json &v) { port.name = v.text(); });
    fields(1, [&](const Json &v) { port.shape = v.each(read_size); });
    fields(2, [&](const Json &v) { port.layout = read_layout(v); });
    fields(3, [&](const Json &v) { port.scale = v.number(); });
    fields(4, [&](const Json &v) { port.zero_point = v.whole(); });
    fields(5, [&](const Json &v) { port.lo = v.whole(); });
    fields(6, [&](const Json &v) { port.hi = v.whole(); });
    fields(7, [&](const Json &v) { port.start = v.each(as_whole); });
    fields(8, [&](const Json &v) { port.whole = v.each(as_whole); });
    fields(9, [&](const Json &v) { port.tokens = v.whole(); });
    fields(10, [&](const Json &v) { port.last = read_last(v); });
    fields(11, [&](const Json &v) { port.batch_axis = v.whole(); });
    fields(12, [&](const Json &v) { port.given = v.text(); });
    fields(13, [&](const Json &v) { port.fixed = v.text(); });
    return port;
}

ProgramStep read_step(const Json &value) {
    ProgramStep step;
    const Fields fields(value, {"layer", "op", "kernel", "out", "inputs", "tiles", "weights", "params", "macs",
                                "overlap", "weight_tiles"});
    fields(0, [&](const Json &v) { step.layer = v.text(); });
    fields(1, [&](const Json &v) { v.text(); });
    fields(2, [&](const Json &v) { step.kernel = v.text(); });
    fields(3, [&](const Json &v) { step.out = read_place(v); });
    fields(4, [&](const Json &v) { step.inputs = v.each(read_place); });
    fields(5, [&](const Json &v) { step.tiles = v.whole(); });
    fields(6, [&](const Json &v) { step.weights = v.whole(); });
    fields(7, [&](const Json &v) { step.params = v.whole(); });
    fields(8, [&](const Json &v) { step.macs = v.whole(); });
    fields(9, [&](const Json &v) { step.overlap = v.truth(); });
    fields(10, [&](const Json &v) { step.weight_tiles = v.whole(); });
    return step;
}

Scalar read_scalar(const Json &value) {
    Scalar scalar;
    const Fields fields(value, {"name", "low", "high"});
    fields(0, [&](const Json &v) { scalar.name = v.text(); });
    fields(1, [&](const Json &v) { scalar.low = v.wide(); });
    fields(2, [&](const Json &v) { scalar.high = v.wide(); });
    return scalar;
}

Entry read_entry(const Json &value) {
    const auto fields = value.list(3, 3, "a list of offset, length, layers");
    const Where offset{&value.where(), "offset", 0}, length{&value.where(), "length", 0};
    const Where layers{&value.where(), "layers", 0};
    Json(fields[2], layers).each(as_text);
    return {Json(fields[0], offset).whole(), Json(fields[1], length).whole()};
}

// Of equal names the last counts, so that the ones before it may be anything.
template <class Read> auto read_map(const Json &value, Read read) {
    std::map<std::string, yyjson_val *> last;
    for (const auto &field : value.record())
        last[field.first] = field.second;
    std::map<std::string, decltype(read(value))> made;
    for (const auto &field : last) {
        const Where where{&value.where(), field.first.c_str(), 0};
        made.emplace(field.first, read(Json(field.second, where)));
    }
    return made;
}

} // namespace

CpuProgram read_program(const Json &value) {
    CpuProgram p;
    const Fields fields(value, {"buffers", "arena_bytes", "scratch_bytes", "inputs", "outputs", "steps", "together",
                                "state_bytes", "scalars", "variant", "entries", "weights", "params", "code",
                                "target"});
    fields(0, [&](const Json &v) { p.buffers = v.each(read_region); });
    fields(1, [&](const Json &v) { p.arena_bytes = v.whole(); });
    fields(2, [&](const Json &v) { p.scratch_bytes = v.whole(); });
    fields(3, [&](const Json &v) { p.inputs = v.each(read_input); });
    fields(4, [&](const Json &v) { p.outputs = v.each(read_output); });
    fields(5, [&](const Json &v) { p.steps = v.each(read_step); });
    fields(6, [&](const Json &v) { p.together = v.whole(); });
    fields(7, [&](const Json &v) { p.state_bytes = v.whole(); });
    fields(8, [&](const Json &v) { p.scalars = v.each(read_scalar); });
    fields(9, [&](const Json &v) { p.variant = v.text(); });
    fields(10, [&](const Json &v) {
        p.entries = read_map(v, [](const Json &kernels) { return read_map(kernels, read_entry); });
    });
    fields(11, [&](const Json &v) { p.weights = v.text(); });
    fields(12, [&](const Json &v) { p.params = v.text(); });
    fields(13, [&](const Json &v) { p.code = v.text(); });
    return p;
}

std::vector<std::string> CpuProgram::sections() const {
    std::vector<std::string> names = {weights, params};
    for (const auto &level : entries)
        names.push_back(image(level.first));
    return names;
}

std::vector<std::vector<const Port *>> CpuProgram::results() const {
    std::vector<std::vector<const Port *>> made;
    for (const Port &output : outputs) {
        if (made.empty() || made.back()[0]->name != output.name)
            made.emplace_back();
        made.back().push_back(&output);
    }
    return made;
}

int64_t CpuProgram::length() const {
    for (const Port &input : inputs)
        if (input.tokens)
            return input.shape[input.tokens];
    return 0;
}

bool LastFunction::ranks() const {
    for (const char *ranking : {"largest", "smallest", "largest_places", "smallest_places", "last_largest_place",
                                "last_smallest_place"})
        if (name == ranking)
            return true;
    return false;
}

bool LastFunction::operator==(const LastFunction &other) const {
    return name == other.name && axis == other.axis && left_out == other.left_out && entries == other.entries &&
           shape == other.shape;
}

} // namespace dyadic
