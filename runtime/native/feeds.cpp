// What users give to a run: whole numbers are looked at before anything runs, and fewer tokens are filled up.
#include <math.h>
#include <string.h>

#include <type_traits>

#include "session.h"

namespace dyadic {
namespace {

std::string place_of(int64_t index, const std::vector<int64_t> &sizes) {
    std::string place;
    for (size_t d = sizes.size(); d-- > 0; index /= sizes[d])
        place = std::to_string(index % sizes[d]) + (place.empty() ? "" : ", ") + place;
    return "[" + place + "]";
}

template <class T> std::string number(T value) {
    return std::is_floating_point<T>::value ? text("%g", (double)value) : std::to_string((int64_t)value);
}

template <class From, class To>
void convert(const Port &port, const RunOptions &how, const void *data, int64_t zero_point, void *made) {
    const From *from = static_cast<const From *>(data);
    To *to = static_cast<To *>(made);
    const int64_t low = port.lo - zero_point, high = port.hi - zero_point;
    const std::vector<int64_t> sizes = user_sizes(port, how);
    int64_t count = 1;
    for (const int64_t size : sizes)
        count *= size;
    for (int64_t i = 0; i < count; i++) {
        const From value = from[i];
        const double real = (double)value;
        const bool inside = std::is_floating_point<From>::value
                                ? real >= (double)low && real <= (double)high && rint(real) == real
                                : (int64_t)value >= low && (int64_t)value <= high;
        if (!inside)
            throw Refused{DYADIC_USAGE, "input '" + port.name + "' holds " + number(value) + " at " +
                                            place_of(i, sizes) + "; the network takes whole numbers from " +
                                            std::to_string(low) + " to " + std::to_string(high)};
        to[i] = (To)((int64_t)value + zero_point);
    }
}

template <class To>
void convert_from(int32_t type, const Port &port, const RunOptions &how, const void *data, int64_t zp, void *made) {
    switch (type) {
    case DYADIC_INT64: return convert<int64_t, To>(port, how, data, zp, made);
    case DYADIC_INT32: return convert<int32_t, To>(port, how, data, zp, made);
    case DYADIC_INT16: return convert<int16_t, To>(port, how, data, zp, made);
    case DYADIC_INT8: return convert<int8_t, To>(port, how, data, zp, made);
    case DYADIC_FLOAT32: return convert<float, To>(port, how, data, zp, made);
    default: return convert<uint8_t, To>(port, how, data, zp, made); // and of truth
    }
}

// The network counts positions from the start.
void check_padding(const Port &port, const std::vector<int64_t> &sizes, const int32_t *ids) {
    const int64_t row = sizes.back();
    int64_t count = 1;
    for (const int64_t size : sizes)
        count *= size;
    for (int64_t i = 0; i + 1 < count; i++)
        if ((i + 1) % row && ids[i] == port.padding && ids[i + 1] != port.padding)
            throw Refused{DYADIC_USAGE, "input '" + port.name + "' holds " + std::to_string(port.padding) +
                                            ", which is padding, at " + place_of(i, sizes) + " in front of other "
                                            "tokens; this network takes padding at the end alone"};
}

// Padded tokens have the id 0 and are not valid.
void fill_up(const std::vector<int64_t> &from, const std::vector<int64_t> &to, int64_t axis, int64_t bytes,
             const uint8_t *source, uint8_t *made) {
    int64_t outer = 1, inner = bytes;
    for (int64_t d = 0; d < (int64_t)from.size(); d++)
        (d < axis ? outer : inner) *= d == axis ? 1 : from[d];
    for (int64_t o = 0; o < outer; o++)
        memcpy(made + o * to[axis] * inner, source + o * from[axis] * inner, from[axis] * inner);
}

} // namespace

std::vector<int64_t> sizes_of(const Port &port, const RunOptions &how) {
    std::vector<int64_t> sizes = port.array();
    sizes.insert(sizes.begin(), how.batch);
    return sizes;
}

std::vector<int64_t> user_sizes(const Port &port, const RunOptions &how) {
    std::vector<int64_t> sizes = how.raw ? port.array() : port.answer();
    sizes.insert(sizes.begin(), how.batch);
    if (port.tokens)
        sizes[port.tokens] = how.tokens;
    return sizes;
}

int64_t user_bytes(const Port &port, const RunOptions &how) {
    const Described one = port.is_input ? described_input(port) : described_output({&port}, true);
    Wide bytes = dyadic_type_bytes(how.raw ? one.raw_type : one.type);
    for (const int64_t size : user_sizes(port, how)) {
        bytes *= size;
        if (bytes > (int64_t)1 << 62)
            throw Refused{DYADIC_RESOURCE, "'" + port.name + "' has more bytes than there can be"};
    }
    return (int64_t)bytes;
}

const void *taken_in(const Port &port, const RunOptions &how, int64_t length, const void *data,
                     std::vector<uint8_t> &memory) {
    const Described known = described_input(port);
    const std::vector<int64_t> sizes = user_sizes(port, how);
    const int32_t type = how.raw ? known.raw_type : known.type;
    // What the network's own numbers are as large as: float32 where those are made by the boundary.
    const int64_t bytes = dyadic_type_bytes(known.has_limits ? known.raw_type : type);
    int64_t count = 1;
    for (const int64_t size : sizes)
        count *= size;
    if (known.has_limits) {
        const int64_t zero_point = how.raw ? 0 : port.zero_point;
        const size_t start = memory.size();
        memory.resize(start + count * bytes);
        void *made = memory.data() + start;
        if (known.raw_type == DYADIC_INT32)
            convert_from<int32_t>(type, port, how, data, zero_point, made);
        else if (known.raw_type == DYADIC_INT16)
            convert_from<int16_t>(type, port, how, data, zero_point, made);
        else
            convert_from<uint8_t>(type, port, how, data, zero_point, made);
        data = made;
        if (port.padding >= 0 && port.is_ids())
            check_padding(port, sizes, static_cast<const int32_t *>(made));
    }
    if (!port.tokens || how.tokens == length)
        return data;
    std::vector<int64_t> full = sizes;
    full[port.tokens] = length;
    int64_t whole = bytes;
    for (const int64_t size : full)
        whole *= size;
    std::vector<uint8_t> filled(whole);
    fill_up(sizes, full, port.tokens, bytes, static_cast<const uint8_t *>(data), filled.data());
    memory.swap(filled);
    return memory.data();
}

} // namespace dyadic
