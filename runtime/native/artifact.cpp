// Opens an artifact and checks header, sections and hashes; programs.cpp and check.cpp look at what the header says.
#include "artifact.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <set>

namespace dyadic {
namespace {

const uint8_t OLDEST_FORMAT = 4, FORMAT = 5;
const uint8_t MAGIC[7] = {0x89, 'D', 'Y', 'Q', '\r', '\n', 0x1a}; // and a byte that says the format
const int64_t PREAMBLE = 48, CODE_ALIGNMENT = 4096, MAX_HEADER_BYTES = 64 << 20, SLACK_BYTES = 64;
const char *const OTHER_TARGETS[] = {"cuda"}; // whose programs are Python's to read

int64_t align(int64_t value, int64_t to) { return (value + to - 1) / to * to; }

// The target whose section it is, "" for those that belong to no one target.
std::string owner(const std::string &name) {
    const size_t slash = name.find('/');
    return slash == std::string::npos ? "" : name.substr(0, slash);
}

bool ends_with(const std::string &name, const std::string &end) {
    return name.size() >= end.size() && name.compare(name.size() - end.size(), end.size(), end) == 0;
}

Refused refused(const std::string &sentence) { return {DYADIC_ARTIFACT, sentence}; }

std::string name_of(const CpuProgram &program) {
    std::string name = "cpu " + program.variant;
    return name.erase(name.find_last_not_of(" \t\n\r\f\v") + 1);
}

} // namespace

Artifact::Artifact(const char *path, bool code_only, bool copy_it) : path_(path) {
    try {
        open_regular();
        if (copy_it)
            copy();
        read(code_only);
    } catch (Refused &refusal) {
        close();
        if (refusal.code == DYADIC_ARTIFACT)
            refusal.sentence = "'" + path_ + "' cannot be used: " + refusal.sentence + "; compile the model again";
        throw;
    } catch (...) {
        close();
        throw;
    }
}

Artifact::~Artifact() { close(); }

void Artifact::close() {
    if (data_)
        munmap(const_cast<uint8_t *>(data_), bytes_);
    if (file_ >= 0)
        ::close(file_);
    data_ = nullptr, file_ = -1;
}

void Artifact::open_regular() {
    const std::string cannot = "cannot read the artifact '" + path_ + "': ";
    // O_NONBLOCK: opening a named pipe must not wait for a writer.
    file_ = open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat status;
    if (file_ < 0 || fstat(file_, &status) != 0)
        throw Refused{DYADIC_FILE, cannot + strerror(errno)};
    if (!S_ISREG(status.st_mode))
        throw Refused{DYADIC_FILE, cannot + "it is not a regular file"};
    bytes_ = status.st_size;
}

void Artifact::copy() {
    const auto no_memory = [&] {
        return Refused{DYADIC_RESOURCE, text("no memory for a copy of the artifact's %lld bytes: %s",
                                             (long long)bytes_, strerror(errno))};
    };
    const int close_on_exec = 1; // MFD_CLOEXEC; old C libraries have neither name nor function
    const int copied = (int)syscall(SYS_memfd_create, "dyadic", close_on_exec);
    if (copied < 0)
        throw no_memory();
    const int original = file_;
    file_ = copied;
    int64_t done = 0, more = 1;
    while (done < bytes_ && more > 0)
        done += more = sendfile(copied, original, nullptr, bytes_ - done);
    const Refused failure = more < 0 ? no_memory() : refused("it became shorter while it was read");
    ::close(original);
    if (done < bytes_)
        throw failure;
}

void Artifact::read(bool code_only) {
    if (bytes_ < PREAMBLE)
        throw refused(text("it has %lld bytes, too few for an artifact", (long long)bytes_));
    void *map = mmap(nullptr, bytes_, PROT_READ, MAP_SHARED, file_, 0);
    if (map == MAP_FAILED)
        throw Refused{DYADIC_RESOURCE, std::string("cannot map the artifact: ") + strerror(errno)};
    data_ = static_cast<const uint8_t *>(map);
    if (memcmp(data_, MAGIC, sizeof MAGIC) != 0)
        throw refused("it is not a dyadic artifact (its first bytes are not the magic ones)");
    const uint8_t format = data_[sizeof MAGIC];
    if (format < OLDEST_FORMAT || format > FORMAT)
        throw refused(text("it was made by %s version of dyadic (its format is %d, this version reads %d and %d), which "
                           "also runs it",
                           format < OLDEST_FORMAT ? "an earlier" : "a later", format, OLDEST_FORMAT, FORMAT));
    uint64_t header_bytes = 0;
    for (int i = 15; i >= 8; i--)
        header_bytes = header_bytes << 8 | data_[i];
    if (header_bytes > (uint64_t)std::min(MAX_HEADER_BYTES, bytes_ - PREAMBLE))
        throw refused(text("it is truncated or damaged (a header of %llu bytes in %lld bytes)",
                           (unsigned long long)header_bytes, (long long)bytes_));
    const uint8_t *header = data_ + PREAMBLE;
    std::string hashed(data_, data_ + 16);
    hashed.append(header, header + header_bytes);
    std::string recorded;
    for (int i = 16; i < PREAMBLE; i++)
        recorded += text("%02x", data_[i]);
    if (sha256(reinterpret_cast<const uint8_t *>(hashed.data()), hashed.size()) != recorded)
        throw refused("its header is damaged (its SHA-256 is not the recorded one)");
    read_header(header_bytes);
    int64_t position = PREAMBLE + header_bytes;
    for (const std::string &name : order_) {
        check_zeros(position, sections_[name].offset);
        position = sections_[name].offset + sections_[name].length;
    }
    check_zeros(position, bytes_);
    for (const std::string &name : order_) {
        const Section &section = sections_[name];
        if (code_only && (owner(name).empty() || ends_with(name, "/weights")))
            continue;
        if (sha256(data_ + section.offset, section.length) != section.sha256)
            throw refused("section '" + name + "' is damaged (its SHA-256 is not the recorded one)");
    }
}

void Artifact::read_header(int64_t header_bytes) {
    const Document document(data_ + PREAMBLE, header_bytes, "header");
    const Where root{nullptr, "header", 0}, where_sections{&root, "sections", 0}, where_programs{nullptr, "programs", 0};
    const char *const names[] = {"data_bytes", "sections", "programs", "made"};
    yyjson_val *fields[4] = {};
    const Json header(document.root(), root);
    const auto entries = header.record("a record");
    for (const auto &field : entries) {
        const auto at = std::find(std::begin(names), std::end(names), field.first);
        if (at == std::end(names))
            throw refused("its header must have the fields data_bytes, sections, programs, made");
        fields[at - std::begin(names)] = field.second;
    }
    for (const yyjson_val *field : fields)
        if (!field)
            throw refused("its header must have the fields data_bytes, sections, programs, made");
    const int64_t start = align(PREAMBLE + header_bytes, CODE_ALIGNMENT);
    const Json data_bytes(fields[0], root);
    if (!data_bytes.is_whole() || data_bytes.wide() + start != bytes_)
        throw refused(text("it has %lld bytes, but its header speaks of %lld + %s", (long long)bytes_,
                           (long long)start, data_bytes.shown().c_str()));
    if (!Json(fields[3], root).is_record())
        throw refused("its header's 'made' is not a record");
    read_sections(Json(fields[1], where_sections), start);
    read_programs(Json(fields[2], where_programs));
    std::set<std::string> used;
    for (const CpuProgram &program : programs_)
        for (const std::string &name : program.sections())
            used.insert(name);
    for (const std::string &name : order_) {
        const std::string target = owner(name);
        const bool others = target != "cpu" && std::find(targets_.begin(), targets_.end(), target) != targets_.end();
        if (!target.empty() && !used.count(name) && !others)
            throw refused("its section '" + name + "' is used by no program");
    }
}

void Artifact::read_sections(const Json &list, int64_t start) {
    if (!list.is_list())
        throw refused("its header's 'sections' is not a list");
    int64_t end = start;
    list.each([&](const Json &item) {
        yyjson_val *fields[4] = {};
        const char *const names[] = {"name", "offset", "length", "sha256"};
        if (item.is_record())
            for (const auto &field : item.record())
                for (int i = 0; i < 4; i++)
                    if (field.first == names[i])
                        fields[i] = field.second;
        const auto at = [&](int i) { return Json(fields[i], item.where()); };
        if (!fields[0] || !fields[1] || !fields[2] || !fields[3] || !at(0).is_text() || !at(1).is_whole() ||
            !at(2).is_whole() || !at(3).is_text())
            throw refused("a section is described by " + item.shown());
        const std::string name = at(0).text();
        if (sections_.count(name))
            throw refused("it has two sections '" + name + "'");
        const Wide offset = at(1).wide() + start, length = at(2).wide();
        const int64_t alignment = name.find("/code/") == std::string::npos ? ALIGNMENT : CODE_ALIGNMENT;
        // In file order, so that no two can overlap.
        if (offset < end || length < 0 || offset + length > bytes_ - SLACK_BYTES || offset % alignment)
            throw refused("section '" + name + "' is out of place");
        end = (int64_t)(offset + length);
        sections_[name] = {(int64_t)offset, (int64_t)length, at(3).text()};
        order_.push_back(name);
        return true;
    });
}

void Artifact::read_programs(const Json &list) {
    if (!list.is_list() || list.list().empty())
        throw refused("its header's 'programs' is not a list of one or more");
    std::map<std::string, int64_t> lengths;
    for (const auto &section : sections_)
        lengths[section.first] = section.second.length;
    const Where where{nullptr, "program", 0};
    for (yyjson_val *value : list.list()) {
        const Json item(value, where);
        std::string target;
        bool has_target = false;
        if (item.is_record())
            for (const auto &field : item.record())
                if (field.first == "target")
                    if ((has_target = Json(field.second, where).is_text()))
                        target = Json(field.second, where).text();
        if (!has_target)
            throw refused("a program is described by " + item.shown());
        if (std::find(targets_.begin(), targets_.end(), target) == targets_.end())
            targets_.push_back(target);
        if (std::find(std::begin(OTHER_TARGETS), std::end(OTHER_TARGETS), target) != std::end(OTHER_TARGETS))
            continue;
        if (target != "cpu")
            throw refused("it has a program for '" + target + "', which this version of dyadic cannot run from C");
        CpuProgram program = read_program(item);
        for (const CpuProgram &other : programs_)
            if (name_of(other) == name_of(program))
                throw refused("it has two programs '" + name_of(program) + "'");
        for (const std::string &name : program.sections())
            if (owner(name) != "cpu" && !owner(name).empty())
                throw refused("its program '" + name_of(program) + "' speaks of section '" + name +
                              "', another target's");
        check_program(program, lengths);
        programs_.push_back(std::move(program));
    }
}

void Artifact::check_zeros(int64_t start, int64_t end) const {
    for (int64_t i = start; i < end; i++)
        if (data_[i])
            throw refused(text("it is damaged between bytes %lld and %lld, where there should be zeros",
                               (long long)start, (long long)end));
}

} // namespace dyadic
