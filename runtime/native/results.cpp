// What users get: the program writes into their memory, or into ours, which is then finished and copied.
#include <math.h>
#include <string.h>

#include "last_function.h"
#include "session.h"

namespace dyadic {
namespace {

int64_t product_of(const std::vector<int64_t> &sizes) {
    int64_t all = 1;
    for (const int64_t size : sizes)
        all *= size;
    return all;
}

bool is_moved(const Port &port, const RunOptions &how) {
    return port.batch_axis && port.fixed.empty() && !(how.raw && port.last.ranks());
}

bool is_short(const Port &port, const RunOptions &how) {
    return port.tokens && sizes_of(port, how)[port.tokens] != how.tokens;
}

// The program writes into the user's memory where it is as the program has it.
bool is_direct(const Port &port, const RunOptions &how) {
    if (is_moved(port, how) || is_short(port, how))
        return false;
    return how.raw || (port.given.empty() && !port.last.ranks());
}

// The first so many tokens of each row, in place.
void cut(const std::vector<int64_t> &sizes, int64_t axis, int64_t tokens, int64_t bytes, uint8_t *x) {
    int64_t outer = 1, inner = bytes;
    for (int64_t d = 0; d < (int64_t)sizes.size(); d++)
        (d < axis ? outer : inner) *= d == axis ? 1 : sizes[d];
    for (int64_t o = 1; o < outer; o++)
        memmove(x + o * tokens * inner, x + o * sizes[axis] * inner, tokens * inner);
}

template <class To> void store(const std::vector<double> &from, uint8_t *to) {
    for (size_t i = 0; i < from.size(); i++) {
        To value;
        if (std::is_floating_point<To>::value)
            value = (To)from[i];
        else // integers, of which those beyond 63 bits are without a sign
            value = from[i] >= 9223372036854775808.0 ? (To)(uint64_t)from[i] : (To)(int64_t)from[i];
        memcpy(to + i * sizeof value, &value, sizeof value);
    }
}

void store_as(int32_t type, std::vector<double> &from, uint8_t *to) {
    switch (type) {
    case DYADIC_FLOAT32: return store<float>(from, to);
    case DYADIC_INT64: return store<int64_t>(from, to);
    case DYADIC_INT32: return store<int32_t>(from, to);
    case DYADIC_INT16: return store<int16_t>(from, to);
    case DYADIC_INT8: return store<int8_t>(from, to);
    case DYADIC_UINT64: return store<uint64_t>(from, to);
    case DYADIC_UINT32: return store<uint32_t>(from, to);
    case DYADIC_UINT16: return store<uint16_t>(from, to);
    case DYADIC_UINT8: return store<uint8_t>(from, to);
    default: // truth
        for (double &value : from)
            value = value != 0;
        return store<uint8_t>(from, to);
    }
}

// Into the user's memory, the batch where the model has it.
void put(const Port &port, const RunOptions &how, int64_t bytes, const uint8_t *from, uint8_t *to) {
    const std::vector<int64_t> sizes = user_sizes(port, how);
    if (!is_moved(port, how)) {
        memcpy(to, from, product_of(sizes) * bytes);
        return;
    }
    int64_t outer = 1, inner = bytes;
    for (int64_t d = 1; d < (int64_t)sizes.size(); d++)
        (d <= port.batch_axis ? outer : inner) *= sizes[d];
    for (int64_t n = 0; n < how.batch; n++)
        for (int64_t o = 0; o < outer; o++)
            memcpy(to + (o * how.batch + n) * inner, from + (n * outer + o) * inner, inner);
}

} // namespace

uint8_t *place_for(const Port &port, const RunOptions &how, void *data, std::vector<uint8_t> &memory) {
    if (data && is_direct(port, how))
        return static_cast<uint8_t *>(data);
    const int64_t bytes = how.raw ? dyadic_type_bytes(described_output({&port}, true).raw_type) : 4;
    memory.resize(product_of(sizes_of(port, how)) * bytes);
    return memory.data();
}

void finish(const Port &port, const RunOptions &how, bool complete, uint8_t *made, void *data) {
    if (!data)
        return;
    const int32_t raw_type = described_output({&port}, true).raw_type;
    std::vector<int64_t> sizes = sizes_of(port, how);
    if (is_short(port, how)) {
        cut(sizes, port.tokens, how.tokens, how.raw ? dyadic_type_bytes(raw_type) : 4, made);
        sizes[port.tokens] = how.tokens;
    }
    uint8_t *const to = static_cast<uint8_t *>(data);
    if (how.raw) {
        if (made != to)
            put(port, how, dyadic_type_bytes(raw_type), made, to);
        return;
    }
    float *const x = reinterpret_cast<float *>(made);
    const int32_t type = port.given.empty() ? (int32_t)DYADIC_FLOAT32 : type_named(port.given);
    std::vector<double> numbers;
    if (port.last.ranks()) {
        numbers = ranked(port.last, sizes, x);
    } else {
        if (!port.last.name.empty() && (complete || !port.last.left_out))
            apply_function(port.last, sizes, x);
        if (type == DYADIC_FLOAT32) {
            if (made != to)
                put(port, how, 4, made, to);
            return;
        }
        numbers.assign(x, x + product_of(sizes));
    }
    if (type != DYADIC_FLOAT32)
        for (double &number : numbers)
            number = rint(number);
    std::vector<uint8_t> stored(numbers.size() * dyadic_type_bytes(type));
    store_as(type, numbers, stored.data());
    put(port, how, dyadic_type_bytes(type), stored.data(), to);
}

} // namespace dyadic
