// The stream agents at a netlist's ports, for CXXRTL: the rules and the files are those of stream_agents.v.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include <cxxrtl/cxxrtl.h>

namespace agents {

// A port of the design, which CXXRTL makes a wire where a register drives it.
template <size_t Bits> const cxxrtl::value<Bits> &now(const cxxrtl::value<Bits> &port) { return port; }
template <size_t Bits> const cxxrtl::value<Bits> &now(const cxxrtl::wire<Bits> &port) { return port.curr; }
template <class Port> bool is_set(const Port &port) { return now(port).data[0] & 1; }

inline std::FILE *open(const std::string &name, const char *suffix, const char *mode) {
    std::FILE *file = std::fopen((name + suffix).c_str(), mode);
    if (!file) {
        std::fprintf(stderr, "error: %s%s cannot be opened\n", name.c_str(), suffix);
        std::exit(2);
    }
    return file;
}

inline std::vector<bool> read_stalls(const std::string &name) {
    std::FILE *file = open(name, ".stalls", "r");
    unsigned long length = 0, holds = 0;
    if (std::fscanf(file, "%lu", &length) != 1) std::exit(2);
    std::vector<bool> pattern(length);
    for (unsigned long i = 0; i < length; i++) {
        if (std::fscanf(file, "%lu", &holds) != 1) std::exit(2);
        pattern[i] = holds;
    }
    std::fclose(file);
    return pattern;
}

// Offers the next beat from a cycle on where the pattern holds until it moves.
template <class Valid, class Ready, class Data, class Last> struct Source {
    Valid &valid;
    const Ready &ready;
    Data &data;
    Last &last;
    std::vector<bool> pattern;
    std::FILE *beats, *log;
    bool offered = false, empty = false;

    Source(const std::string &name, Valid &valid, const Ready &ready, Data &data, Last &last)
        : valid(valid), ready(ready), data(data), last(last), pattern(read_stalls(name)),
          beats(open(name, ".beats", "r")), log(open(name, ".log", "w")) {
        next();
    }
    ~Source() {
        std::fclose(beats);
        std::fclose(log);
    }

    void next() {
        std::vector<char> digits(8 * Data::chunks + 2);
        unsigned ends = 0;
        const std::string form = "%" + std::to_string(8 * Data::chunks + 1) + "s %u";
        empty = std::fscanf(beats, form.c_str(), digits.data(), &ends) != 2;
        std::string word(empty ? "0" : digits.data());
        for (size_t chunk = 0; chunk < Data::chunks; chunk++) {
            const size_t from = word.size() > 8 ? word.size() - 8 : 0;
            data.data[chunk] = word.empty() ? 0 : std::stoul(word.substr(from), nullptr, 16);
            word.resize(from);
        }
        last.data[0] = ends;
    }
    void drive(uint64_t cycle) {
        offered = !empty && (offered || pattern[cycle % pattern.size()]);
        valid.data[0] = offered;
    }
    void sample(uint64_t cycle) {
        if (!offered || !is_set(ready)) return;
        std::fprintf(log, "%llu\n", (unsigned long long)cycle);
        offered = false;
        taken = true;
    }
    // Changes the beat only after the clock's edge.
    void advance() {
        if (taken) next();
        taken = false;
    }

  private:
    bool taken = false;
};

// Is ready in exactly the cycles where the pattern holds.
template <class Valid, class Ready, class Data, class Last> struct Sink {
    const Valid &valid;
    Ready &ready;
    const Data &data;
    const Last &last;
    std::vector<bool> pattern;
    std::FILE *log;
    unsigned long left = 0;

    Sink(const std::string &name, const Valid &valid, Ready &ready, const Data &data, const Last &last)
        : valid(valid), ready(ready), data(data), last(last), pattern(read_stalls(name)), log(open(name, ".log", "w")) {
        std::FILE *expected = open(name, ".expected", "r");
        if (std::fscanf(expected, "%lu", &left) != 1) std::exit(2);
        std::fclose(expected);
    }
    ~Sink() { std::fclose(log); }

    void drive(uint64_t cycle) { ready.data[0] = pattern[cycle % pattern.size()]; }
    void sample(uint64_t cycle) {
        if (!left || !is_set(ready) || !is_set(valid)) return;
        std::fprintf(log, "%llu ", (unsigned long long)cycle);
        const auto &word = now(data);
        for (size_t bit = word.bits; bit; bit -= 4)  // lanes are whole bytes
            std::fprintf(log, "%x", unsigned(word.data[(bit - 4) / 32] >> ((bit - 4) % 32) & 15));
        std::fprintf(log, " %d\n", is_set(last));
        left--;
    }
    void advance() {}
};

}  // namespace agents
