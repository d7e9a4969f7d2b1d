// A statement of PTX to an instruction with its handler. Whatever is not understood to the last modifier is refused.
#include "decode.h"

#include <algorithm>

namespace ptx {
void Decoder::move() {
    need_operands(2, 2);
    const std::string &target = s.operands[0], &source = s.operands[1];
    if (s.type() == "pred") {
        i.run = move_predicate;
        predicate_to(0, target);
        if (source == "0" || source == "-1") { // not from a predicate: the same for all lanes
            i.variant = 1;
            i.second_variant = source == "-1";
            return;
        }
        predicate_from(0, source);
        if (i.predicate_negated[0])
            parser.refuse(s.text);
    } else if (is_list(target) || is_list(source)) {
        const auto parts = list(is_list(target) ? target : source);
        i.run = is_list(target) ? unpack : pack;
        i.elements = static_cast<u32>(parts.size());
        const u32 part = parts.empty() ? 0 : width() / i.elements;
        if ((i.elements != 2 && i.elements != 4) || part < 8)
            parser.refuse(s.text);
        i.element_bytes = part / 8;
        for (u32 k = 0; k < i.elements; k++)
            if (is_list(target))
                to(k, parts[k], part);
            else
                from(k, parts[k], part);
        if (is_list(target))
            from(0, source, width());
        else
            to(0, target, width());
    } else {
        i.run = elementwise("mov", s.type());
        operands(1);
    }
}

void Decoder::predicate_logic() {
    i.run = combine_predicates;
    const std::string names[] = {"and", "or", "xor", "not"};
    i.variant = static_cast<u32>(std::find(names, names + 4, s.name()) - names);
    need_operands(i.variant == 3 ? 2 : 3, i.variant == 3 ? 2 : 3);
    predicate_to(0, s.operands[0]);
    for (u32 k = 0; k + 1 < s.operands.size(); k++)
        predicate_from(k, s.operands[1 + k]);
    if (i.predicate_negated[0] || i.predicate_negated[1])
        parser.refuse(s.text);
}

void Decoder::elementwise_operation() {
    static const std::map<std::string, u32> sources = {
        {"neg", 1}, {"abs", 1}, {"add", 2}, {"sub", 2}, {"mul", 2}, {"div", 2}, {"rem", 2},
        {"min", 2}, {"max", 2}, {"mad", 3}, {"fma", 3}, {"selp", 2},
    };
    const std::string &name = s.name();
    const u32 count = sources.at(name);
    if ((name == "mul" || name == "mad") && s.has("wide")) {
        allow({"wide"});
        i.run = wide_product(name, s.type());
        need_operands(1 + count, 1 + count);
        to(0, s.operands[0], 2 * width());
        for (u32 k = 0; k < count; k++)
            from(k, s.operands[1 + k], k < 2 ? width() : 2 * width());
        return;
    }
    const bool is_float = s.type()[0] == 'f';
    if (is_float && (name == "fma" || name == "div") && !s.has("rn"))
        parser.refuse("no rounding that is known here: " + s.text);
    allow(is_float ? Words{"rn"} : name == "mul" ? Words{"lo", "hi"} : name == "mad" ? Words{"lo"} : Words{});
    i.run = elementwise(name == "mul" && s.has("hi") ? "mul.hi" : name, s.type());
    if (name == "selp") {
        need_operands(4, 4);
        to(0, s.operands[0], width());
        from(0, s.operands[1], width());
        from(1, s.operands[2], width());
        predicate_from(0, s.operands[3]);
        if (i.predicate_negated[0])
            parser.refuse(s.text);
    } else {
        operands(count);
    }
}

void Decoder::bits() {
    const std::string &name = s.name();
    i.run = bit_operation(name, s.type());
    i.element_bytes = name == "prmt" ? 4 : width() / 8;
    if (name == "not" || name == "brev") {
        allow({});
        operands(1);
    } else if (name == "popc" || name == "clz") {
        allow({});
        need_operands(2, 2);
        to(0, s.operands[0], 32);
        from(0, s.operands[1], width());
    } else if (name == "and" || name == "or" || name == "xor") {
        allow({});
        operands(2);
    } else if (name == "shl" || name == "shr") {
        allow({});
        operands(2, 1);
    } else if (name == "bfe") {
        allow({});
        operands(3, 2);
    } else if (name == "bfi") {
        allow({});
        operands(4, 2);
    } else if (name == "shf") {
        allow({"l", "r", "wrap", "clamp"});
        i.variant = s.has("r");
        i.second_variant = s.has("wrap");
        operands(3);
    } else if (name == "prmt") { // prmt.b32.f4e d, a, b, c
        i.variant = s.has("f4e");
        if (s.words.size() != 2 + i.variant || s.words[1] != "b32")
            parser.refuse(s.text);
        need_operands(4, 4);
        to(0, s.operands[0], 32);
        for (u32 k = 0; k < 3; k++)
            from(k, s.operands[1 + k], 32);
        return;
    } else { // lop3
        allow({});
        operands(4);
    }
    if (width() < 32 && (name == "shf" || name == "lop3" || name == "bfe" || name == "bfi"))
        parser.refuse("width of " + s.text);
}

void Decoder::compare_() {
    static const std::map<std::string, u32> relations = {
        {"eq", 0},  {"ne", 1},  {"lt", 2},  {"le", 3},  {"gt", 4},  {"ge", 5},  {"lo", 2},   {"ls", 3},
        {"hi", 4},  {"hs", 5},  {"equ", 6}, {"neu", 7}, {"ltu", 8}, {"leu", 9}, {"gtu", 10}, {"geu", 11},
    };
    const auto found = s.words.size() > 2 ? relations.find(s.words[1]) : relations.end();
    if (found == relations.end())
        parser.refuse(s.text);
    i.variant = found->second;
    i.run = comparison(s.type());
    need_operands(3, 4);
    const auto targets = split(s.operands[0], "|");
    for (u32 k = 0; k < targets.size() && k < 2; k++)
        predicate_to(k, targets[k]);
    from(0, s.operands[1], width());
    from(1, s.operands[2], width());
    if (s.operands.size() == 4) {
        predicate_from(0, s.operands[3]);
        i.second_variant = s.has("and") ? 1 : s.has("or") ? 2 : s.has("xor") ? 3 : 0;
    }
    if ((s.operands.size() == 4) != (i.second_variant != 0) || s.words.size() != 3u + (i.second_variant != 0))
        parser.refuse(s.text);
}

void Decoder::convert_() {
    if (s.has("pack")) { // cvt.pack.sat.u8.s32.b32 d, a, b, c
        const bool known = s.words.size() > 4 && s.words[2] == "sat" && s.words[4] == "s32";
        if (!known || (s.words[3] != "u8" && s.words[3] != "s8"))
            parser.refuse(s.text);
        i.run = convert_and_pack;
        i.variant = s.words[3] == "u8";
        need_operands(3, 4);
        to(0, s.operands[0], 32);
        for (u32 k = 0; k + 1 < s.operands.size(); k++)
            from(k, s.operands[1 + k], 32);
        return;
    }
    need_operands(2, 2);
    if (s.words.size() < 3)
        parser.refuse(s.text);
    allow({"sat", "rn", "rni", "rmi", "rpi", "rzi"}, 2);
    const std::string &target = s.words[s.words.size() - 2];
    i.run = conversion(target, s.type());
    i.variant = s.has("sat");
    i.second_variant = s.has("rni") ? 1 : s.has("rmi") ? 2 : s.has("rpi") ? 3 : s.has("rzi") ? 4 : 0;
    if (i.variant && target == "f32")
        parser.refuse("saturation of floats: " + s.text);
    to(0, s.operands[0], bits_of_type(target), false);
    from(0, s.operands[1], width(), false);
}

Instruction Decoder::decoded() {
    static const Words elementwise_names = {"neg", "abs", "add", "sub", "mul", "div",
                                            "rem", "min", "max", "mad", "fma", "selp"};
    static const Words bit_names = {"and", "or", "xor", "not", "shl", "shr", "shf", "bfi", "bfe", "popc", "clz", "brev",
                                    "prmt", "lop3"};
    const std::string &name = s.name();
    if (name == "mov") {
        move();
    } else if (s.type() == "pred" && name != "vote") {
        if (name != "and" && name != "or" && name != "xor" && name != "not")
            parser.refuse("instruction " + s.text);
        predicate_logic();
    } else if (elementwise_names.count(name)) {
        elementwise_operation();
    } else if (bit_names.count(name)) {
        bits();
    } else if (name == "setp") {
        compare_();
    } else if (name == "cvt") {
        convert_();
    } else if (name == "cvta") { // global addresses are the same in both spaces
        if (!s.has("global"))
            parser.refuse("generic addresses are not known here: " + s.text);
        i.run = elementwise("mov", s.type());
        operands(1);
    } else if (name == "dp4a") {
        if (s.words.size() != 3)
            parser.refuse(s.text);
        i.run = dot_product_of_four;
        i.variant = (s.words[1] == "s32" ? 1 : 0) | (s.words[2] == "s32" ? 2 : 0);
        operands(3);
    } else if (name == "ld" || name == "st") {
        transfer();
    } else if (name == "cp" && s.has("bulk")) {
        bulk_copy();
    } else if (name == "mbarrier") {
        memory_barrier();
    } else if (name == "mapa") {
        mapped_address();
    } else if (name == "barrier" && s.has("cluster")) {
        cluster_barrier();
    } else if (name == "cp") {
        copy_async_();
    } else if (name == "ldmatrix") {
        matrix_load();
    } else if (name == "mma") {
        matrix_product();
    } else if (name == "shfl" || name == "vote" || name == "redux") {
        lanes();
    } else if (name == "bar" || name == "barrier") {
        barrier_();
    } else if (name == "bra") {
        allow({"uni"}, 0);
        need_operands(1, 1);
        i.run = branch;
        parser.branch_to(s.operands[0]);
    } else if (name == "ret" || name == "exit") {
        i.run = leave;
    } else if (name == "trap") {
        i.run = trap;
    } else if (name == "wgmma") {
        warpgroup();
    } else if (name == "fence") {
        fence();
    } else if (name == "membar" || name == "griddepcontrol") {
        i.run = nothing; // accesses happen in the order of the text here
    } else {
        parser.refuse("instruction " + s.text);
    }
    if (i.run == nullptr)
        parser.refuse("type of " + s.text);
    static const Words meeting = {"bar", "barrier", "ldmatrix", "mma", "shfl", "vote", "redux", "wgmma"};
    i.meets = meeting.count(name) > 0;
    return i;
}

void decode(Parser &parser, const Statement &statement, std::vector<Instruction> *code) {
    code->push_back(Decoder(parser, statement).decoded());
}

} // namespace ptx
