// Window policy: how far ahead of a stream to fetch, and in which pieces. Pure functions.
//
// Why these numbers: a window may never grow past a share of what the stream has proven
// to want, so a reader that stops after 64 MiB has cost at most 3/8 more; within that it
// doubles each time the reader had to wait for a piece, which reaches the bandwidth x
// delay product of 1 GiB/s at 10 ms (112 MiB) after about a quarter of a second. A reader
// that never waits keeps the window it has. Pieces are a sixteenth of the window, between
// 1 MiB and chunk_bytes: a server that gives 100 MB/s to a connection is read by many at once (measured:
// docs/results/many-cores-2026-11-26.md), and a small window still uses several.
#pragma once

#include <cstdint>

namespace ossfs2 {

inline constexpr uint64_t kWindowBytesMin = 512ull << 10;
inline constexpr uint64_t kWindowFreeBytes = 8ull << 20;  // allowed to any confirmed stream of 4 MiB
inline constexpr uint64_t kPieceBytesMin = 1ull << 20;
inline constexpr uint64_t kWindowPieces = 16;

// The most that a stream which has read `consumed` bytes may have ahead.
uint64_t WindowBound(uint64_t consumed);
// The window when the stream is recognised.
uint64_t FirstWindow(uint64_t consumed);
// The window after its reader had to wait.
uint64_t GrownWindow(uint64_t window, uint64_t consumed, uint64_t budget);
// How large the GETs for that window are; a multiple of the pool's block.
uint64_t PieceBytes(uint64_t window, uint64_t chunk_bytes, uint64_t budget);

}  // namespace ossfs2
