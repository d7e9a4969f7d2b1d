// What decoding the instructions of all families has in common.
#pragma once
#include <set>

#include "parse.h"

namespace ptx {

using Words = std::set<std::string>;

class Decoder {
  public:
    Decoder(Parser &parser, const Statement &statement) : parser(parser), s(statement) {}
    Instruction decoded();

  private:
    // --- decode.cpp
    void move();
    void predicate_logic();
    void elementwise_operation();
    void bits();
    void compare_();
    void convert_();
    // --- decode_cluster.cpp
    void memory_barrier();
    void cluster_barrier();
    void bulk_copy();
    void mapped_address();
    // --- decode_cooperation.cpp
    void transfer();
    void copy_async_();
    void matrix_load();
    void matrix_product();
    void fence();
    void warpgroup();
    void lanes();
    void barrier_();

    void need_operands(size_t least, size_t most) const {
        if (s.operands.size() < least || s.operands.size() > most)
            parser.refuse("another number of operands: " + s.text);
    }
    // Every word between the name and the types, `types` of them at the end, is one of these.
    void allow(const Words &words, size_t types = 1) const {
        for (size_t n = 1; n + types < s.words.size(); n++)
            if (!words.count(s.words[n]))
                parser.refuse("." + s.words[n] + " in " + s.text);
    }
    u32 width() const { return bits_of_type(s.type()); }
    void to(u32 k, const std::string &name, u32 bits, bool exactly = true) {
        i.to[k] = parser.target(name, bits, exactly);
    }
    void from(u32 k, const std::string &name, u32 bits, bool exactly = true) {
        i.from[k] = parser.source(name, bits, exactly);
    }
    void predicate_from(u32 k, const std::string &name) {
        i.predicate_from[k] = parser.predicate(name, &i.predicate_negated[k]);
    }
    void predicate_to(u32 k, const std::string &name) {
        bool negated = false;
        if (name != "_")
            i.predicate_to[k] = parser.predicate(name, &negated);
        if (negated)
            parser.refuse("writes to " + name);
    }
    static bool is_list(const std::string &operand) { return operand[0] == '{'; }
    static std::vector<std::string> list(const std::string &operand) { return split(operand, "{},"); }

    // All of one width but the last `amounts` sources, which have 32 bits.
    void operands(u32 sources, u32 amounts = 0) {
        need_operands(1 + sources, 1 + sources);
        to(0, s.operands[0], width());
        for (u32 k = 0; k < sources; k++)
            from(k, s.operands[1 + k], k + amounts < sources ? width() : 32);
    }

    Parser &parser;
    const Statement &s;
    Instruction i;
};

} // namespace ptx
