#include "parse.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include <algorithm>

namespace ptx {
namespace {

// The first registers of every kernel, in this order; run.cpp fills them.
const char *const SPECIAL[] = {"%tid.x",   "%tid.y",   "%tid.z",    "%ntid.x",   "%ntid.y",   "%ntid.z", "%ctaid.x",
                               "%ctaid.y", "%ctaid.z", "%nctaid.x", "%nctaid.y", "%nctaid.z", "%laneid", "%warpid"};

// Comments become spaces, line ends stay.
std::string without_comments(std::string text) {
    for (size_t at = 0; at + 1 < text.size(); at++) {
        if (text[at] != '/' || (text[at + 1] != '/' && text[at + 1] != '*'))
            continue;
        const bool whole = text[at + 1] == '*';
        const size_t found = text.find(whole ? "*/" : "\n", at + 2);
        const size_t end = found == std::string::npos ? text.size() : found + (whole ? 2 : 0);
        for (; at < end; at++)
            if (text[at] != '\n')
                text[at] = ' ';
        at--;
    }
    return text;
}

bool number(const std::string &text, u64 *value) {
    if (text.size() > 2 && text[0] == '0' && (text[1] == 'f' || text[1] == 'F')) { // the bits of a float
        *value = strtoull(text.c_str() + 2, nullptr, 16);
        return true;
    }
    const bool negative = !text.empty() && text[0] == '-';
    if (text.size() <= negative || !isdigit(static_cast<u8>(text[negative])))
        return false;
    *value = negative ? static_cast<u64>(strtoll(text.c_str(), nullptr, 0)) : strtoull(text.c_str(), nullptr, 0);
    return true;
}

bool of_a_name(char c) { return isalnum(static_cast<u8>(c)) || c == '_' || c == '$' || c == '%'; }

} // namespace

u32 bits_of_type(const std::string &type) {
    if (type.size() < 2 || !strchr("bsuf", type[0]) || !isdigit(static_cast<u8>(type[1])))
        return 0;
    return static_cast<u32>(atoi(type.c_str() + 1));
}

std::vector<std::string> split(const std::string &text, const char *separators) {
    std::vector<std::string> words;
    std::string word;
    for (char c : text + separators[0]) {
        if (strchr(separators, c) == nullptr)
            word += c;
        else if (!word.empty())
            words.push_back(std::move(word)), word.clear();
    }
    return words;
}

bool Statement::has(const std::string &word) const {
    return std::find(words.begin() + 1, words.end(), word) != words.end();
}

Parser::Parser(const std::string &given, Memory &memory, Module &module)
    : text(without_comments(given)), memory(memory), module(module) {}

void Parser::refuse(const std::string &what) const {
    throw Refused(format("PTX line %u: ", statement_line) + what);
}

// --- the file

void Parser::skip_space() {
    for (; at < text.size() && isspace(static_cast<u8>(text[at])); at++)
        line += text[at] == '\n';
    statement_line = line;
}

bool Parser::at_word(const char *word) const { return text.compare(at, strlen(word), word) == 0; }

void Parser::skip_line() { at = std::min(text.find('\n', at), text.size()); }

std::string Parser::until(char end) {
    std::string found;
    for (; at < text.size() && text[at] != end; at++) {
        line += text[at] == '\n';
        found += isspace(static_cast<u8>(text[at])) ? ' ' : text[at];
    }
    if (at == text.size())
        refuse(std::string("the text ends before `") + end + "`");
    at++;
    while (!found.empty() && found.back() == ' ')
        found.pop_back();
    return found;
}

void Parser::file() {
    while (skip_space(), at < text.size()) {
        if (at_word(".target"))
            target_directive();
        if (at_word(".version") || at_word(".target") || at_word(".address_size") || at_word(".file")) {
            skip_line();
            continue;
        }
        if (at_word(".section")) {
            until('}');
            continue;
        }
        const size_t end = text.find_first_of(";(=", at);
        const std::string head = text.substr(at, end - at);
        if (head.find(".func") != std::string::npos)
            refuse("device functions are not known here");
        if (head.find(".entry") != std::string::npos && text[end] == '(') {
            until('(');
            entry(split(head, " \t\r\n").back());
        } else {
            variable(until(';'));
        }
    }
}

// .visible .global .align 16 .b8 name[64] = {1, 2}
void Parser::variable(const std::string &declaration) {
    const size_t equals = declaration.find('=');
    u32 alignment = 1, element = 0;
    std::string name, space;
    const auto words = split(declaration.substr(0, equals), " ");
    for (size_t n = 0; n < words.size(); n++) {
        if (words[n] == ".align" && n + 1 < words.size())
            alignment = static_cast<u32>(atoi(words[++n].c_str()));
        else if (words[n] == ".shared" || words[n] == ".global" || words[n] == ".const")
            space = words[n];
        else if (words[n][0] == '.')
            element = std::max(element, bits_of_type(words[n].substr(1)) / 8);
        else
            name += words[n];
    }
    if (space.empty() || name.empty() || element == 0)
        refuse("declaration of another kind: " + declaration);
    alignment = std::max(alignment, element);
    const size_t bracket = name.find('[');
    const std::string count = bracket == std::string::npos ? "1" : name.substr(bracket + 1);
    name = name.substr(0, bracket);
    if (space == ".shared" && count == "]") {
        dynamic[name] = std::max(alignment, 16u);
        return;
    }
    const u64 bytes = element * strtoull(count.c_str(), nullptr, 0);
    if (space == ".shared") {
        shared_end = (shared_end + alignment - 1) / alignment * alignment;
        shared[name] = shared_end;
        shared_end += static_cast<u32>(bytes);
        if (current)
            current->shared_end = shared_end;
        return;
    }
    u8 *place = memory.allocate(bytes, true);
    if (place == nullptr)
        refuse("no memory for " + name);
    memset(place, 0, bytes);
    module.globals[name] = reinterpret_cast<u64>(place);
    if (equals == std::string::npos)
        return;
    u64 written = 0, value = 0;
    for (const std::string &word : split(declaration.substr(equals + 1), "{}, ")) {
        if (!number(word, &value) || written + element > bytes)
            refuse("initial value " + word);
        memcpy(place + written, &value, element);
        written += element;
    }
}

void Parser::entry(const std::string &name) {
    auto kernel = std::make_unique<Kernel>();
    current = kernel.get();
    kernel->name = name;
    parameter_offsets.clear();
    scopes.assign(1, {});
    constants.clear();
    labels.clear();
    branches.clear();
    kernel->register_names.assign(std::begin(SPECIAL), std::end(SPECIAL));
    kernel->registers = static_cast<u32>(kernel->register_names.size());
    kernel->shared_end = shared_end;
    parameters(until(')'));
    directives();
    body();
    for (const auto &[instruction, label] : branches) {
        const auto found = labels.find(label);
        if (found == labels.end())
            refuse("no label " + label);
        kernel->code[instruction].target = found->second;
    }
    for (const auto &[value, row] : constants)
        kernel->constants.push_back({static_cast<u32>(row), value});
    current = nullptr;
    module.kernels[name] = std::move(kernel);
}

// .param .u64 .ptr .global .align 16 name_param_0, .param .align 8 .b8 name_param_1[16]
void Parser::parameters(const std::string &list) {
    u32 offset = 0;
    for (const std::string &one : split(list, ",")) {
        u32 element = 0, alignment = 0, count = 1;
        const auto words = split(one, " ");
        if (words.size() < 2)
            continue;
        bool pointee = false; // .align behind .ptr is that of what it points to
        for (size_t n = 0; n + 1 < words.size(); n++) {
            pointee |= words[n] == ".ptr";
            if (words[n] == ".align" && !pointee)
                alignment = static_cast<u32>(atoi(words[n + 1].c_str()));
            else if (words[n][0] == '.')
                element = std::max(element, bits_of_type(words[n].substr(1)) / 8);
        }
        std::string name = words.back();
        if (const size_t bracket = name.find('['); bracket != std::string::npos) {
            count = static_cast<u32>(atoi(name.c_str() + bracket + 1));
            name = name.substr(0, bracket);
        }
        if (element == 0)
            refuse("parameter " + one);
        alignment = std::max(alignment, element);
        offset = (offset + alignment - 1) / alignment * alignment;
        parameter_offsets[name] = offset;
        current->parameters.push_back({offset, element * count});
        offset += element * count;
    }
    current->argument_bytes = offset;
}

void Parser::body() {
    while (!scopes.empty()) {
        skip_space();
        if (at >= text.size())
            refuse("the text ends inside of a kernel");
        if (text[at] == '{') {
            at++;
            scopes.emplace_back();
            continue;
        }
        if (text[at] == '}') {
            at++;
            scopes.pop_back();
            continue;
        }
        size_t end = at;
        while (end < text.size() && of_a_name(text[end]))
            end++;
        if (end > at && text[end] == ':') {
            labels[text.substr(at, end - at)] = static_cast<int>(current->code.size());
            at = end + 1;
            continue;
        }
        if (at_word(".loc")) {
            skip_line();
            continue;
        }
        Statement s;
        s.text = until(';');
        if (s.text.compare(0, 7, ".pragma") == 0)
            continue;
        if (s.text.compare(0, 4, ".reg") == 0) {
            registers(s.text);
            continue;
        }
        if (s.text[0] == '.') {
            variable(s.text);
            continue;
        }
        std::string rest = s.text;
        if (rest[0] == '@') {
            const size_t space = rest.find(' ');
            s.guard = rest.substr(1, space - 1);
            rest = space == std::string::npos ? "" : rest.substr(rest.find_first_not_of(' ', space));
        }
        const size_t space = std::min(rest.find(' '), rest.size());
        s.words = split(rest.substr(0, space), ".");
        if (s.words.empty())
            refuse("no instruction: " + s.text);
        int depth = 0;
        std::string operand;
        for (char c : rest.substr(space) + ",") {
            depth += c == '{' || c == '[';
            depth -= c == '}' || c == ']';
            if (c != ',' || depth) {
                operand += c == ' ' ? "" : std::string(1, c);
            } else if (!operand.empty()) {
                s.operands.push_back(operand);
                operand.clear();
            }
        }
        const size_t before = current->code.size();
        decode(*this, s, &current->code);
        for (size_t n = before; n < current->code.size(); n++) {
            Instruction &i = current->code[n];
            i.line = statement_line;
            i.text = s.text;
            if (!s.guard.empty())
                i.guard = predicate(s.guard, &i.guard_negated);
        }
    }
    Instruction last; // a kernel may end without `ret`
    last.run = leave;
    last.text = "}";
    last.line = line;
    current->code.push_back(last);
}

// --- registers and operands

void Parser::registers(const std::string &declaration) { // .reg .b32 %r<9>, %a
    const auto words = split(declaration, " ,");
    for (size_t n = 2; n < words.size(); n++) {
        const std::string type = words[1].substr(1);
        const size_t angle = words[n].find('<');
        if (angle != std::string::npos)
            scopes.back().families[words[n].substr(0, angle)] = type;
        else
            scopes.back().registers[words[n]] = declare(words[n], type);
    }
}

Register Parser::declare(const std::string &name, const std::string &type) {
    if (type == "pred")
        return {'p', static_cast<int>(current->predicates++), 1};
    if (bits_of_type(type) == 0 || bits_of_type(type) > 64)
        refuse("registers of type " + type);
    current->register_names.push_back(name);
    return {'r', static_cast<int>(current->registers++), bits_of_type(type)};
}

Register Parser::find(const std::string &name) {
    for (size_t n = 0; n < std::size(SPECIAL); n++)
        if (name == SPECIAL[n])
            return {'r', static_cast<int>(n), 32};
    size_t digits = name.size();
    while (digits && isdigit(static_cast<u8>(name[digits - 1])))
        digits--;
    for (auto scope = scopes.rbegin(); scope != scopes.rend(); ++scope) {
        if (const auto found = scope->registers.find(name); found != scope->registers.end())
            return found->second;
        const auto family = scope->families.find(name.substr(0, digits));
        if (family != scope->families.end() && digits < name.size())
            return scope->registers[name] = declare(name, family->second);
    }
    return {};
}

int Parser::target(const std::string &name, u32 bits, bool exactly) {
    if (name == "_")
        return -1;
    const Register r = find(name);
    if (r.kind != 'r' || r.bits < bits || (exactly && r.bits != bits))
        refuse(format("needs a register of %u bits, not ", bits) + name);
    return r.index;
}

int Parser::source(const std::string &name, u32 bits, bool exactly) {
    if (const Register r = find(name); r.kind) {
        if (r.kind != 'r' || r.bits < bits || (exactly && r.bits != bits))
            refuse(format("needs a register of %u bits, not ", bits) + name);
        return r.index;
    }
    u64 value;
    if (name == "WARP_SZ")
        return constant(LANES);
    if (number(name, &value) || symbol(name, &value))
        return constant(value);
    refuse("operand " + name);
}

int Parser::constant(u64 value) {
    const auto found = constants.find(value);
    if (found != constants.end())
        return found->second;
    current->register_names.push_back(format("%llu", static_cast<unsigned long long>(value)));
    return constants[value] = static_cast<int>(current->registers++);
}

bool Parser::symbol(const std::string &name, u64 *value) {
    if (const auto found = dynamic.find(name); found != dynamic.end()) {
        current->shared_end = (current->shared_end + found->second - 1) / found->second * found->second;
        *value = current->shared_end;
        return true;
    }
    for (const auto *names : {&shared, &module.globals})
        if (const auto found = names->find(name); found != names->end()) {
            *value = found->second;
            return true;
        }
    return false;
}

int Parser::predicate(const std::string &given, bool *negated) {
    *negated = given[0] == '!';
    const Register r = find(given.substr(*negated));
    if (r.kind != 'p')
        refuse("needs a predicate, not " + given);
    return r.index;
}

void Parser::address(const std::string &given, int *base, i64 *offset) {
    if (given.size() < 3 || given.front() != '[' || given.back() != ']')
        refuse("needs an address, not " + given);
    const std::string inside = given.substr(1, given.size() - 2);
    const size_t sign = inside.find_first_of("+-", 1);
    const std::string name = inside.substr(0, sign);
    *offset = 0;
    if (sign != std::string::npos) {
        const size_t digits = sign + (inside[sign] == '+'); // "+-8" is written, too
        char *end = nullptr;
        *offset = strtoll(inside.c_str() + digits, &end, 0);
        if (*end)
            refuse("address " + given);
    }
    *base = -1;
    u64 value;
    if (const Register r = find(name); r.kind == 'r')
        *base = r.index;
    else if (const auto found = parameter_offsets.find(name); found != parameter_offsets.end())
        *offset += found->second;
    else if (symbol(name, &value) || number(name, &value))
        *offset += static_cast<i64>(value);
    else
        refuse("address " + given);
}

void Parser::branch_to(const std::string &label) { branches.push_back({current->code.size(), label}); }

std::unique_ptr<Module> parse(const std::string &text, Memory &memory) {
    auto module = std::make_unique<Module>();
    Parser(text, memory, *module).file();
    return module;
}

} // namespace ptx
