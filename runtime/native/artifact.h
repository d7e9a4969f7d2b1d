// The .dyq file, checked before anything in it is used: the reader of runtime/artifact.py in C++.
#ifndef DYADIC_ARTIFACT_H
#define DYADIC_ARTIFACT_H

#include <stdint.h>

#include <map>
#include <string>
#include <vector>

#include "program.h"

namespace dyadic {

struct Section {
    int64_t offset = 0, length = 0; // offset: in the file
    std::string sha256;
};

// An open, checked artifact. Everything is read from one descriptor, so that what was checked is what is used, as long
// as nobody writes into the file; with `copy` it is a copy that nobody else knows.
class Artifact {
  public:
    // code_only: weights, and what no run needs, are not hashed.
    Artifact(const char *path, bool code_only, bool copy);
    ~Artifact();
    Artifact(const Artifact &) = delete;

    int file() const { return file_; }
    int64_t bytes() const { return bytes_; }
    const std::string &path() const { return path_; }
    const std::map<std::string, Section> &sections() const { return sections_; }
    const std::vector<CpuProgram> &programs() const { return programs_; }
    const std::vector<std::string> &targets() const { return targets_; } // of all programs, each once

  private:
    void open_regular();
    void copy();
    void read(bool code_only);
    void read_header(int64_t header_bytes);
    void read_sections(const Json &list, int64_t start);
    void read_programs(const Json &list);
    void check_zeros(int64_t start, int64_t end) const;
    void close();

    std::string path_;
    int file_ = -1;
    int64_t bytes_ = 0;
    const uint8_t *data_ = nullptr;
    std::map<std::string, Section> sections_;
    std::vector<std::string> order_; // of sections in the file
    std::vector<CpuProgram> programs_;
    std::vector<std::string> targets_;
};

// Of the whole of `bytes`, as hexadecimal digits.
std::string sha256(const uint8_t *data, int64_t bytes);

} // namespace dyadic

#endif
