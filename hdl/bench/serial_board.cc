// A board in simulation: the clock runs, and its serial line is a pseudo-terminal that any program may open.
//
// Arguments: clock cycles of a bit, and what the button reads when nobody presses it. Prints the terminal's path, then
// runs until standard input is closed.

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <fcntl.h>
#include <poll.h>
#include <termios.h>
#include <unistd.h>

#include "Vtop.h"
#include "verilated.h"

namespace {

constexpr unsigned FRAME_BITS = 10;
constexpr unsigned MOST_WAITING = 64;         // bytes taken from the terminal ahead of the line
constexpr uint64_t QUIET_CYCLES = 10'000'000;  // without a byte for so long, the board naps
constexpr useconds_t NAP_MICROSECONDS = 500;

// Puts bytes on the board's line, bit by bit.
class Sender {
public:
    explicit Sender(unsigned divisor) : divisor(divisor) {}
    void put(uint8_t byte) { waiting.push_back(byte); }
    bool full() const { return waiting.size() >= MOST_WAITING; }
    bool idle() const { return !left && waiting.empty(); }
    bool next() {
        if (!left && !waiting.empty()) {
            bits = 0x200u | waiting.front() << 1;
            waiting.pop_front();
            left = FRAME_BITS * divisor;
        }
        if (!left) return true;
        const unsigned place = (FRAME_BITS * divisor - left--) / divisor;
        return bits >> place & 1;
    }

private:
    const unsigned divisor;
    std::deque<uint8_t> waiting;
    unsigned bits = 0, left = 0;
};

// Takes bytes off the board's line, reading every bit in its middle.
class Listener {
public:
    explicit Listener(unsigned divisor) : divisor(divisor) {}
    bool sample(bool level, uint8_t &byte) {
        if (!busy) {
            busy = !level;
            count = bits = place = 0;
            return false;
        }
        if (++count < divisor / 2 + place * divisor) return false;
        bits |= unsigned(level) << place;
        if (++place < FRAME_BITS) return false;
        busy = false;
        byte = bits >> 1;
        return level;
    }

private:
    const unsigned divisor;
    bool busy = false;
    unsigned count = 0, bits = 0, place = 0;
};

int open_terminal() {
    const int host = posix_openpt(O_RDWR | O_NOCTTY);
    if (host < 0 || grantpt(host) || unlockpt(host)) return -1;
    const int own = open(ptsname(host), O_RDWR | O_NOCTTY);  // kept open: reading never fails while nobody else is there
    termios raw;
    if (own < 0 || tcgetattr(own, &raw)) return -1;
    cfmakeraw(&raw);
    if (tcsetattr(own, TCSANOW, &raw) || fcntl(host, F_SETFL, O_NONBLOCK)) return -1;
    return host;
}

bool closed(int descriptor) {
    pollfd asked = {descriptor, POLLIN, 0};
    char byte;
    return poll(&asked, 1, 0) > 0 && read(descriptor, &byte, 1) <= 0;
}

}  // namespace

int main(int, char **arguments) {
    const unsigned divisor = std::atoi(arguments[1]);
    Sender sender(divisor);
    Listener listener(divisor);
    Vtop board;
    const int terminal = open_terminal();
    if (terminal < 0) {
        std::perror("pseudo-terminal");
        return 1;
    }
    std::printf("%s\n", ptsname(terminal));
    std::fflush(stdout);
    board.button = std::atoi(arguments[2]);
    board.receive = 1;
    for (uint64_t quiet = 0; !closed(STDIN_FILENO);) {
        uint8_t byte;
        while (!sender.full() && read(terminal, &byte, 1) == 1) sender.put(byte);
        for (unsigned cycle = 0; cycle < FRAME_BITS * divisor; cycle++) {
            board.receive = sender.next();
            board.oscillator = 0;
            board.eval();
            board.oscillator = 1;
            board.eval();
            quiet++;
            if (listener.sample(board.transmit, byte)) {
                quiet = 0;
                if (write(terminal, &byte, 1) != 1) return 1;
            }
        }
        if (!sender.idle()) quiet = 0;
        if (quiet > QUIET_CYCLES) usleep(NAP_MICROSECONDS);
    }
}
