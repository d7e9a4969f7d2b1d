// Arithmetic of numbers: whole ones of every width, and float32. One rule a name, written once for all types.
#include <math.h>
#include <string.h>

#include <algorithm>
#include <limits>
#include <type_traits>

#include "state.h"

namespace ptx {
namespace {

template <class T> constexpr bool is_float = std::is_same_v<T, float>;

template <class T> T read(u64 row) {
    if constexpr (is_float<T>) {
        const u32 bits = static_cast<u32>(row);
        float value;
        memcpy(&value, &bits, 4);
        return value;
    } else {
        return static_cast<T>(row);
    }
}

template <class T> u64 bits_of(T value) { // sign-extended, in case that the register is wider
    if constexpr (is_float<T>) {
        u32 bits;
        memcpy(&bits, &value, 4);
        return bits;
    } else {
        return static_cast<u64>(static_cast<i64>(value));
    }
}

// Wraps around, in a type in which that is defined: u16 times u16 would be an int.
template <class T, class F> T wrapping(T a, T b, F f) {
    return static_cast<T>(f(static_cast<u64>(a), static_cast<u64>(b)));
}

template <class T> struct Add {
    static T of(T a, T b) {
        if constexpr (is_float<T>)
            return a + b;
        else
            return wrapping(a, b, [](u64 x, u64 y) { return x + y; });
    }
};
template <class T> struct Subtract {
    static T of(T a, T b) {
        if constexpr (is_float<T>)
            return a - b;
        else
            return wrapping(a, b, [](u64 x, u64 y) { return x - y; });
    }
};
template <class T> struct Multiply {
    static T of(T a, T b) {
        if constexpr (is_float<T>)
            return a * b;
        else
            return wrapping(a, b, [](u64 x, u64 y) { return x * y; });
    }
};
template <class T> struct MultiplyHigh {
    static T of(T a, T b) {
        using Wide = std::conditional_t<std::is_signed_v<T>, __int128, unsigned __int128>;
        return static_cast<T>(static_cast<Wide>(a) * static_cast<Wide>(b) >> 8 * sizeof(T));
    }
};
template <class T> struct MultiplyAdd {
    static T of(T a, T b, T c) {
        if constexpr (is_float<T>)
            return fmaf(a, b, c);
        else
            return Add<T>::of(Multiply<T>::of(a, b), c);
    }
};
template <class T> struct Divide { // by 0: all ones, as GPUs have it
    static T of(T a, T b) {
        if constexpr (is_float<T>)
            return a / b;
        else if constexpr (std::is_signed_v<T>)
            return b == 0 ? static_cast<T>(-1) : b == -1 ? Subtract<T>::of(0, a) : static_cast<T>(a / b);
        else
            return b == 0 ? static_cast<T>(-1) : static_cast<T>(a / b);
    }
};
template <class T> struct Remainder {
    static T of(T a, T b) {
        if constexpr (std::is_signed_v<T>)
            return b == 0 ? a : b == -1 ? static_cast<T>(0) : static_cast<T>(a % b);
        else
            return b == 0 ? a : static_cast<T>(a % b);
    }
};
template <class T> struct Least {
    static T of(T a, T b) {
        if constexpr (is_float<T>)
            return fminf(a, b);
        else
            return std::min(a, b);
    }
};
template <class T> struct Most {
    static T of(T a, T b) {
        if constexpr (is_float<T>)
            return fmaxf(a, b);
        else
            return std::max(a, b);
    }
};
template <class T> struct Copy {
    static T of(T a) { return a; }
};
template <class T> struct Negate {
    static T of(T a) {
        if constexpr (is_float<T>)
            return -a;
        else
            return Subtract<T>::of(0, a);
    }
};
template <class T> struct Absolute {
    static T of(T a) {
        if constexpr (is_float<T>)
            return fabsf(a);
        else
            return a < 0 ? Subtract<T>::of(0, a) : a;
    }
};

template <class F> void each(u32 active, F f) {
    if (active == ALL)
        for (u32 lane = 0; lane < LANES; lane++)
            f(lane);
    else
        for (u32 lane = 0; lane < LANES; lane++)
            if (active >> lane & 1)
                f(lane);
}

template <class T, template <class> class Rule> void unary(Block &, Warp &w, const Instruction &i, u32 active) {
    Row &to = w.rows[i.to[0]], &a = w.rows[i.from[0]];
    each(active, [&](u32 l) { to[l] = bits_of(Rule<T>::of(read<T>(a[l]))); });
}
template <class T, template <class> class Rule> void binary(Block &, Warp &w, const Instruction &i, u32 active) {
    Row &to = w.rows[i.to[0]], &a = w.rows[i.from[0]], &b = w.rows[i.from[1]];
    each(active, [&](u32 l) { to[l] = bits_of(Rule<T>::of(read<T>(a[l]), read<T>(b[l]))); });
}
template <class T, template <class> class Rule> void ternary(Block &, Warp &w, const Instruction &i, u32 active) {
    Row &to = w.rows[i.to[0]], &a = w.rows[i.from[0]], &b = w.rows[i.from[1]], &c = w.rows[i.from[2]];
    each(active, [&](u32 l) { to[l] = bits_of(Rule<T>::of(read<T>(a[l]), read<T>(b[l]), read<T>(c[l]))); });
}

template <class T> void select(Block &, Warp &w, const Instruction &i, u32 active) {
    Row &to = w.rows[i.to[0]], &a = w.rows[i.from[0]], &b = w.rows[i.from[1]];
    const u32 chosen = w.predicates[i.predicate_from[0]];
    each(active, [&](u32 l) { to[l] = bits_of(read<T>(chosen >> l & 1 ? a[l] : b[l])); });
}

// All whole types; `b` types are unsigned ones. F is called with a value of the type.
template <class F> Handler of_integer(const std::string &type, F f) {
    const bool plain = type[0] == 'u' || type[0] == 'b';
    const std::string width = type.substr(1);
    if (width == "16")
        return plain ? f(u16{}) : f(i16{});
    if (width == "32")
        return plain ? f(u32{}) : f(i32{});
    if (width == "64")
        return plain ? f(u64{}) : f(i64{});
    return nullptr;
}

#define UNARY(Rule) of_integer(type, [](auto t) -> Handler { return unary<decltype(t), Rule>; })
#define BINARY(Rule) of_integer(type, [](auto t) -> Handler { return binary<decltype(t), Rule>; })
#define TERNARY(Rule) of_integer(type, [](auto t) -> Handler { return ternary<decltype(t), Rule>; })

Handler float_rule(const std::string &name) {
    if (name == "mov")
        return unary<u32, Copy>;
    if (name == "neg")
        return unary<float, Negate>;
    if (name == "abs")
        return unary<float, Absolute>;
    if (name == "add")
        return binary<float, Add>;
    if (name == "sub")
        return binary<float, Subtract>;
    if (name == "mul")
        return binary<float, Multiply>;
    if (name == "div")
        return binary<float, Divide>;
    if (name == "min")
        return binary<float, Least>;
    if (name == "max")
        return binary<float, Most>;
    if (name == "fma")
        return ternary<float, MultiplyAdd>;
    if (name == "selp")
        return select<u32>;
    return nullptr;
}

enum Relation { EQUAL, DIFFERENT, LESS, LESS_EQUAL, GREATER, GREATER_EQUAL };

template <class T> bool holds(u32 relation, T a, T b) {
    switch (relation) {
    case EQUAL:
        return a == b;
    case DIFFERENT:
        return a != b;
    case LESS:
        return a < b;
    case LESS_EQUAL:
        return a <= b;
    case GREATER:
        return a > b;
    default:
        return a >= b;
    }
}

// variant: a relation, plus 6 where it also holds if one of the two is NaN. second_variant: joined with a predicate by
// 1 and, 2 or, 3 xor.
template <class T> void compare(Block &, Warp &w, const Instruction &i, u32 active) {
    const Row &a = w.rows[i.from[0]], &b = w.rows[i.from[1]];
    u32 result = 0;
    each(active, [&](u32 l) {
        const T x = read<T>(a[l]), y = read<T>(b[l]);
        bool held = holds<T>(i.variant % 6, x, y);
        if constexpr (is_float<T>)
            held = x != x || y != y ? i.variant >= 6 : held;
        result |= static_cast<u32>(held) << l;
    });
    const u32 other = i.second_variant ? w.predicates[i.predicate_from[0]] ^ (i.predicate_negated[0] ? ALL : 0) : 0;
    const auto joined = [&](u32 p) {
        return i.second_variant == 1   ? p & other
               : i.second_variant == 2 ? p | other
               : i.second_variant == 3 ? p ^ other
                                       : p;
    };
    const u32 results[2] = {joined(result), joined(~result)}; // p|q: q has the opposite, joined with the same
    for (int k = 0; k < 2; k++)
        if (i.predicate_to[k] >= 0) {
            u32 &to = w.predicates[i.predicate_to[k]];
            to = (to & ~active) | (results[k] & active);
        }
}

// variant: 1 saturates. second_variant: the rounding to whole numbers, 1 nearest even, 2 down, 3 up, 4 to zero.
template <class To, class From> To converted(From value, const Instruction &i) {
    const auto rounded = [&](auto v) {
        return i.second_variant == 1   ? nearbyint(v)
               : i.second_variant == 2 ? floor(v)
               : i.second_variant == 3 ? ceil(v)
               : i.second_variant == 4 ? trunc(v)
                                       : v;
    };
    if constexpr (is_float<To> && is_float<From>) {
        return static_cast<float>(rounded(static_cast<double>(value)));
    } else if constexpr (is_float<To>) {
        return static_cast<float>(value);
    } else if constexpr (is_float<From>) { // always saturates; NaN becomes 0
        using Limits = std::numeric_limits<To>;
        const double whole = value != value ? 0.0 : rounded(static_cast<double>(value));
        return whole <= static_cast<double>(Limits::min())   ? Limits::min()
               : whole >= static_cast<double>(Limits::max()) ? Limits::max()
                                                             : static_cast<To>(whole);
    } else if (i.variant == 1) {
        using Limits = std::numeric_limits<To>;
        return static_cast<To>(std::clamp<__int128>(value, Limits::min(), Limits::max()));
    } else {
        return static_cast<To>(value);
    }
}

template <class To, class From> void convert(Block &, Warp &w, const Instruction &i, u32 active) {
    Row &to = w.rows[i.to[0]], &from = w.rows[i.from[0]];
    each(active, [&](u32 l) { to[l] = bits_of(converted<To>(read<From>(from[l]), i)); });
}

template <class To> Handler conversion_to(const std::string &from) {
    if (from == "f32")
        return convert<To, float>;
    if (from == "u8")
        return convert<To, u8>;
    if (from == "s8")
        return convert<To, i8>;
    return of_integer(from, [](auto t) -> Handler { return convert<To, decltype(t)>; });
}

template <class Wide, class T, bool adds> void product(Block &, Warp &w, const Instruction &i, u32 active) {
    Row &to = w.rows[i.to[0]], &a = w.rows[i.from[0]], &b = w.rows[i.from[1]];
    each(active, [&](u32 l) {
        const Wide whole = Multiply<Wide>::of(read<T>(a[l]), read<T>(b[l]));
        to[l] = bits_of(adds ? Add<Wide>::of(whole, read<Wide>(w.rows[i.from[2]][l])) : whole);
    });
}

} // namespace

Handler elementwise(const std::string &name, const std::string &type) {
    if (type == "f32")
        return float_rule(name);
    if (name == "mov")
        return UNARY(Copy);
    if (name == "neg")
        return UNARY(Negate);
    if (name == "abs")
        return UNARY(Absolute);
    if (name == "add")
        return BINARY(Add);
    if (name == "sub")
        return BINARY(Subtract);
    if (name == "mul")
        return BINARY(Multiply);
    if (name == "mul.hi")
        return BINARY(MultiplyHigh);
    if (name == "div")
        return BINARY(Divide);
    if (name == "rem")
        return BINARY(Remainder);
    if (name == "min")
        return BINARY(Least);
    if (name == "max")
        return BINARY(Most);
    if (name == "mad")
        return TERNARY(MultiplyAdd);
    if (name == "selp")
        return of_integer(type, [](auto t) -> Handler { return select<decltype(t)>; });
    return nullptr;
}

Handler conversion(const std::string &to, const std::string &from) {
    return to == "f32"   ? conversion_to<float>(from)
           : to == "u8"  ? conversion_to<u8>(from)
           : to == "s8"  ? conversion_to<i8>(from)
           : to == "u16" ? conversion_to<u16>(from)
           : to == "s16" ? conversion_to<i16>(from)
           : to == "u32" ? conversion_to<u32>(from)
           : to == "s32" ? conversion_to<i32>(from)
           : to == "u64" ? conversion_to<u64>(from)
           : to == "s64" ? conversion_to<i64>(from)
                         : nullptr;
}

Handler comparison(const std::string &type) {
    if (type == "f32")
        return compare<float>;
    return of_integer(type, [](auto t) -> Handler { return compare<decltype(t)>; });
}

Handler wide_product(const std::string &name, const std::string &type) {
    const bool adds = name == "mad";
    return type == "s16"   ? (adds ? product<i32, i16, true> : product<i32, i16, false>)
           : type == "u16" ? (adds ? product<u32, u16, true> : product<u32, u16, false>)
           : type == "s32" ? (adds ? product<i64, i32, true> : product<i64, i32, false>)
           : type == "u32" ? (adds ? product<u64, u32, true> : product<u64, u32, false>)
                           : nullptr;
}

} // namespace ptx
