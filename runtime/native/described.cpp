// What users are told of inputs and outputs: runtime/tensor_info.py in C++.
#include <algorithm>

#include "session.h"

namespace dyadic {
namespace {

struct Type {
    int32_t type;
    const char *name;
};

const Type TYPES[] = {{DYADIC_BOOL, "bool"},     {DYADIC_INT8, "int8"},     {DYADIC_INT16, "int16"},
                      {DYADIC_INT32, "int32"},   {DYADIC_INT64, "int64"},   {DYADIC_UINT8, "uint8"},
                      {DYADIC_UINT16, "uint16"}, {DYADIC_UINT32, "uint32"}, {DYADIC_UINT64, "uint64"},
                      {DYADIC_FLOAT32, "float32"}};

int32_t raw_type(const Port &port) {
    return port.is_ids() ? DYADIC_INT32 : port.is_wide() ? DYADIC_INT16 : DYADIC_UINT8;
}

// Sizes behind the batch in the model's own order, the batch as -1 where there is one.
std::vector<int64_t> in_order(const Port &port, std::vector<int64_t> sizes) {
    if (port.fixed.empty())
        sizes.insert(sizes.begin() + port.batch_axis, -1);
    else if (port.fixed == "one")
        sizes.insert(sizes.begin(), 1);
    return sizes;
}

Described described(const Port &port) {
    Described made;
    made.name = port.name;
    made.type = type_named(port.given.empty() ? port.is_input ? port.dtype : "float32" : port.given);
    made.raw_type = raw_type(port);
    made.shape = in_order(port, port.answer());
    made.raw_shape = made.shape;
    if (port.last.ranks()) {
        made.raw_shape = port.array();
        made.raw_shape.insert(made.raw_shape.begin(), -1);
    }
    made.scale = port.scale, made.zero_point = port.zero_point;
    made.low = port.lo, made.high = port.hi;
    if (port.tokens && port.fixed == "none")
        made.token_axis = (int32_t)port.tokens - 1;
    else if (port.tokens)
        made.token_axis = (int32_t)(port.tokens - (port.fixed.empty() && port.tokens <= port.batch_axis));
    return made;
}

} // namespace

int32_t type_named(const std::string &name) {
    for (const Type &type : TYPES)
        if (name == type.name)
            return type.type;
    return 0;
}

Described described_input(const Port &port) {
    Described made = described(port);
    made.has_limits = !port.given.empty() || port.is_ids();
    if (made.has_limits)
        made.low -= port.zero_point, made.high -= port.zero_point;
    made.padding = port.padding;
    return made;
}

Described described_output(const std::vector<const Port *> &parts, bool complete) {
    const auto coarsest = std::max_element(parts.begin(), parts.end(),
                                           [](const Port *a, const Port *b) { return a->scale < b->scale; });
    Described made = described(**coarsest);
    made.last = (*coarsest)->last.name;
    made.left_out = (*coarsest)->last.left_out && !complete;
    for (const Port *part : parts) {
        std::vector<int64_t> start = part->start;
        start.resize(part->sizes().size());
        made.parts.push_back({start, part->sizes(), part->scale, part->zero_point});
    }
    return made;
}

} // namespace dyadic

extern "C" __attribute__((visibility("default"))) int64_t dyadic_type_bytes(int32_t type) {
    for (const dyadic::Type &known : dyadic::TYPES)
        if (known.type == type)
            return type % 10;
    return 0;
}

extern "C" __attribute__((visibility("default"))) const char *dyadic_type_name(int32_t type) {
    for (const dyadic::Type &known : dyadic::TYPES)
        if (known.type == type)
            return known.name;
    return "";
}
