// The two functions of liblz4 that an FST writer calls, for machines without the library's header: valid LZ4 blocks
// that hold literals only, so waveforms are larger but every viewer reads them.
// Format: https://github.com/lz4/lz4/blob/dev/doc/lz4_Block_format.md
#pragma once
#include <cstring>

inline int LZ4_compressBound(int size) { return size + size / 255 + 16; }

inline int LZ4_compress_default(const char *source, char *target, int size, int capacity) {
    if (capacity < LZ4_compressBound(size)) return 0;
    char *out = target;
    if (size < 15) {
        *out++ = static_cast<char>(size << 4);
    } else {
        int rest = size - 15;
        *out++ = static_cast<char>(0xf0);
        for (; rest >= 255; rest -= 255) *out++ = static_cast<char>(255);
        *out++ = static_cast<char>(rest);
    }
    std::memcpy(out, source, static_cast<std::size_t>(size));
    return static_cast<int>(out - target) + size;
}
