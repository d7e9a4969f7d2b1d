// Operations on bits: logic, shifts, fields, bytes, and registers that are taken apart and put together.
#include <algorithm>

#include "state.h"

namespace ptx {
namespace {

template <class F> void each(u32 active, F f) {
    for (u32 lane = 0; lane < LANES; lane++)
        if (active >> lane & 1)
            f(lane);
}

u64 low(u64 value, u32 bits) { return bits >= 64 ? value : value & ((u64{1} << bits) - 1); }

i64 signed_value(u64 value, u32 bits) { // of the lowest `bits`
    const u32 empty = 64 - bits;
    return static_cast<i64>(value << empty) >> empty;
}

// The width of an operation is element_bytes; the rule gets the sources of a lane, cut to it but for amounts.
template <class F> void bitwise(Warp &w, const Instruction &i, u32 active, F rule) {
    const u32 bits = 8 * i.element_bytes;
    each(active, [&](u32 l) {
        u64 source[4] = {};
        for (u32 k = 0; k < 4 && i.from[k] >= 0; k++)
            source[k] = w.rows[i.from[k]][l];
        w.rows[i.to[0]][l] = low(rule(source, bits), bits);
    });
}

void and_(Block &, Warp &w, const Instruction &i, u32 active) {
    bitwise(w, i, active, [](const u64 *s, u32) { return s[0] & s[1]; });
}
void or_(Block &, Warp &w, const Instruction &i, u32 active) {
    bitwise(w, i, active, [](const u64 *s, u32) { return s[0] | s[1]; });
}
void xor_(Block &, Warp &w, const Instruction &i, u32 active) {
    bitwise(w, i, active, [](const u64 *s, u32) { return s[0] ^ s[1]; });
}
void not_(Block &, Warp &w, const Instruction &i, u32 active) {
    bitwise(w, i, active, [](const u64 *s, u32) { return ~s[0]; });
}
// Amounts are 32-bit numbers, and those beyond the width shift everything out.
void shift_left(Block &, Warp &w, const Instruction &i, u32 active) {
    bitwise(w, i, active, [](const u64 *s, u32 bits) {
        const u32 amount = static_cast<u32>(s[1]);
        return amount >= bits ? 0 : s[0] << amount;
    });
}
void shift_right(Block &, Warp &w, const Instruction &i, u32 active) {
    bitwise(w, i, active, [](const u64 *s, u32 bits) {
        const u32 amount = static_cast<u32>(s[1]);
        return amount >= bits ? 0 : low(s[0], bits) >> amount;
    });
}
void shift_right_signed(Block &, Warp &w, const Instruction &i, u32 active) {
    bitwise(w, i, active, [](const u64 *s, u32 bits) {
        const u32 amount = std::min(static_cast<u32>(s[1]), bits - 1);
        return static_cast<u64>(signed_value(s[0], bits) >> amount);
    });
}
// variant: 0 left, 1 right; second_variant: amounts wrap around instead of stopping at 32.
void funnel_shift(Block &, Warp &w, const Instruction &i, u32 active) {
    bitwise(w, i, active, [&](const u64 *s, u32) {
        const u32 given = static_cast<u32>(s[2]), amount = i.second_variant ? given & 31 : std::min(given, 32u);
        const u64 both = s[1] << 32 | low(s[0], 32);
        return i.variant ? both >> amount : both << amount >> 32;
    });
}
u64 field(const u64 *s, u32 bits, bool is_signed) {
    const u32 start = s[1] & 255, length = s[2] & 255;
    if (length == 0)
        return 0;
    const u32 last = std::min(start + length - 1, bits - 1);
    const bool sign = is_signed && low(s[0], bits) >> last & 1;
    const u64 found = start >= bits ? 0 : low(low(s[0], bits) >> start, length);
    const u32 present = start >= bits ? 0 : std::min(length, bits - start);
    return sign && present < 64 ? found | ~u64{0} << present : found;
}
void extract_field(Block &, Warp &w, const Instruction &i, u32 active) {
    bitwise(w, i, active, [](const u64 *s, u32 bits) { return field(s, bits, false); });
}
void extract_field_signed(Block &, Warp &w, const Instruction &i, u32 active) {
    bitwise(w, i, active, [](const u64 *s, u32 bits) { return field(s, bits, true); });
}
void insert_field(Block &, Warp &w, const Instruction &i, u32 active) {
    bitwise(w, i, active, [](const u64 *s, u32 bits) {
        const u32 start = s[2] & 255, length = s[3] & 255;
        if (start >= bits)
            return s[1];
        const u64 mask = low(~u64{0}, length) << start;
        return (s[1] & ~mask) | (s[0] << start & mask);
    });
}
void count_ones(Block &, Warp &w, const Instruction &i, u32 active) {
    bitwise(w, i, active,
            [](const u64 *s, u32 bits) { return static_cast<u64>(__builtin_popcountll(low(s[0], bits))); });
}
void count_leading_zeros(Block &, Warp &w, const Instruction &i, u32 active) {
    bitwise(w, i, active, [](const u64 *s, u32 bits) {
        const u64 value = low(s[0], bits);
        return static_cast<u64>(value ? __builtin_clzll(value) - static_cast<int>(64 - bits) : static_cast<int>(bits));
    });
}
void reverse_bits(Block &, Warp &w, const Instruction &i, u32 active) {
    bitwise(w, i, active, [](const u64 *s, u32 bits) {
        u64 reversed = 0;
        for (u32 bit = 0; bit < bits; bit++)
            reversed |= (s[0] >> bit & 1) << (bits - 1 - bit);
        return reversed;
    });
}
void permute_bytes(Block &, Warp &w, const Instruction &i, u32 active) { // variant: 1 f4e
    bitwise(w, i, active, [&i](const u64 *s, u32) {
        const u64 bytes = s[1] << 32 | low(s[0], 32);
        if (i.variant)
            return bytes >> 8 * (s[2] & 3) & 0xFFFFFFFF;
        u64 result = 0;
        for (u32 k = 0; k < 4; k++) {
            const u32 choice = s[2] >> 4 * k & 15;
            u64 byte = bytes >> 8 * (choice & 7) & 255;
            if (choice & 8) // the byte's sign, eight times
                byte = byte >> 7 ? 255 : 0;
            result |= byte << 8 * k;
        }
        return result;
    });
}
void look_up_bits(Block &, Warp &w, const Instruction &i, u32 active) { // lop3
    bitwise(w, i, active, [](const u64 *s, u32) {
        u64 result = 0;
        for (u32 k = 0; k < 8; k++)
            if (s[3] >> k & 1)
                result |= (k & 4 ? s[0] : ~s[0]) & (k & 2 ? s[1] : ~s[1]) & (k & 1 ? s[2] : ~s[2]);
        return result;
    });
}

} // namespace

Handler bit_operation(const std::string &name, const std::string &type) {
    const bool is_signed = type[0] == 's';
    static const std::map<std::string, Handler> handlers = {
        {"and", and_},
        {"or", or_},
        {"xor", xor_},
        {"not", not_},
        {"shl", shift_left},
        {"shf", funnel_shift},
        {"bfi", insert_field},
        {"popc", count_ones},
        {"clz", count_leading_zeros},
        {"brev", reverse_bits},
        {"prmt", permute_bytes},
        {"lop3", look_up_bits},
    };
    if (name == "shr")
        return is_signed ? shift_right_signed : shift_right;
    if (name == "bfe")
        return is_signed ? extract_field_signed : extract_field;
    const auto found = handlers.find(name);
    return found == handlers.end() ? nullptr : found->second;
}

void move_predicate(Block &, Warp &w, const Instruction &i, u32 active) {
    u32 &to = w.predicates[i.predicate_to[0]];
    const u32 all = i.variant ? (i.second_variant ? ALL : 0) : w.predicates[i.predicate_from[0]];
    to = (to & ~active) | (all & active);
}

void combine_predicates(Block &, Warp &w, const Instruction &i, u32 active) { // variant: 0 and, 1 or, 2 xor, 3 not
    const u32 a = w.predicates[i.predicate_from[0]];
    const u32 b = i.predicate_from[1] >= 0 ? w.predicates[i.predicate_from[1]] : 0;
    const u32 result = i.variant == 0 ? a & b : i.variant == 1 ? a | b : i.variant == 2 ? a ^ b : ~a;
    u32 &to = w.predicates[i.predicate_to[0]];
    to = (to & ~active) | (result & active);
}

void pack(Block &, Warp &w, const Instruction &i, u32 active) { // element_bytes: of a part
    const u32 bits = 8 * i.element_bytes;
    each(active, [&](u32 l) {
        u64 whole = 0;
        for (u32 k = 0; k < i.elements; k++)
            whole |= low(w.rows[i.from[k]][l], bits) << bits * k;
        w.rows[i.to[0]][l] = whole;
    });
}

void unpack(Block &, Warp &w, const Instruction &i, u32 active) {
    const u32 bits = 8 * i.element_bytes;
    each(active, [&](u32 l) {
        const u64 whole = w.rows[i.from[0]][l];
        for (u32 k = 0; k < i.elements; k++)
            if (i.to[k] >= 0)
                w.rows[i.to[k]][l] = low(whole >> bits * k, bits);
    });
}

void convert_and_pack(Block &, Warp &w, const Instruction &i, u32 active) { // variant: 1 u8, 0 s8
    const i32 least = i.variant ? 0 : -128, most = i.variant ? 255 : 127;
    each(active, [&](u32 l) {
        const auto byte = [&](u32 k) {
            return static_cast<u32>(std::clamp(static_cast<i32>(w.rows[i.from[k]][l]), least, most)) & 255;
        };
        const u64 rest = i.from[2] >= 0 ? w.rows[i.from[2]][l] << 16 : 0;
        w.rows[i.to[0]][l] = low(rest | byte(0) << 8 | byte(1), 32);
    });
}

void dot_product_of_four(Block &b, Warp &w, const Instruction &i, u32 active) { // variant: bit 0, 1: a, b are signed
    b.counters.dp4a++;
    each(active, [&](u32 l) {
        const u64 x = w.rows[i.from[0]][l], y = w.rows[i.from[1]][l];
        i64 sum = static_cast<i32>(w.rows[i.from[2]][l]);
        for (u32 k = 0; k < 4; k++) {
            const u64 p = x >> 8 * k & 255, q = y >> 8 * k & 255;
            sum += (i.variant & 1 ? signed_value(p, 8) : static_cast<i64>(p)) *
                   (i.variant & 2 ? signed_value(q, 8) : static_cast<i64>(q));
        }
        w.rows[i.to[0]][l] = low(static_cast<u64>(sum), 32);
    });
}

} // namespace ptx
