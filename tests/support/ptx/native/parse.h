// PTX text to kernels: what decoding an instruction needs to know about the text around it.
#pragma once
#include "state.h"

namespace ptx {

struct Register {
    char kind = 0; // 'p' a predicate, 'r' a register; 0: there is none of this name
    int index = -1;
    u32 bits = 0;
};

struct Statement {
    std::string text;
    std::string guard;                 // "p1", "!p1" or nothing
    std::vector<std::string> words;    // of the opcode, between its dots
    std::vector<std::string> operands; // without spaces; lists with their braces, addresses with their brackets

    const std::string &name() const { return words[0]; }
    const std::string &type() const { return words.back(); }
    bool has(const std::string &word) const;
};

class Parser {
  public:
    Parser(const std::string &text, Memory &memory, Module &module);
    void file();

    // --- for decode(); all of them refuse what is not there, by the line
    [[noreturn]] void refuse(const std::string &what) const;
    // A register of at least, or exactly, so many bits. `_` is -1.
    int target(const std::string &name, u32 bits, bool exactly);
    // A register, a special register, a number or the address of a symbol.
    int source(const std::string &text, u32 bits, bool exactly);
    int predicate(const std::string &text, bool *negated);
    Register find(const std::string &name);
    // [%r1+4]: base -1 where the address is known.
    void address(const std::string &text, int *base, i64 *offset);
    int constant(u64 value);
    void branch_to(const std::string &label); // by the next instruction
    Kernel &kernel() { return *current; }
    void need_architecture(u32 least, const std::string &text) const; // of .target

  private:
    void skip_space();
    bool at_word(const char *word) const;
    void skip_line();
    std::string until(char end); // and past it
    void variable(const std::string &declaration);
    void entry(const std::string &name);
    void parameters(const std::string &list);
    void target_directive();
    void directives();
    void body();
    void registers(const std::string &declaration);
    Register declare(const std::string &name, const std::string &type);
    bool symbol(const std::string &name, u64 *value);

    std::string text;
    Memory &memory;
    Module &module;
    size_t at = 0;
    u32 line = 1, statement_line = 1;
    u32 architecture = 0;

    std::map<std::string, u64> shared; // name -> address
    std::map<std::string, u32> dynamic; // shared memory that the launch sizes -> its alignment
    u32 shared_end = SHARED_START;

    Kernel *current = nullptr;
    std::map<std::string, u32> parameter_offsets;
    struct Scope {
        std::map<std::string, Register> registers;
        std::map<std::string, std::string> families; // %r<9>: prefix -> type
    };
    std::vector<Scope> scopes;
    std::map<u64, int> constants;
    std::map<std::string, int> labels;
    std::vector<std::pair<size_t, std::string>> branches;
};

// Refuses what it does not know, modifiers too.
void decode(Parser &parser, const Statement &statement, std::vector<Instruction> *code);

u32 bits_of_type(const std::string &type); // "s32": 32; 0: none
std::vector<std::string> split(const std::string &text, const char *separators);

} // namespace ptx
