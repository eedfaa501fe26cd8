// Window policy: how far ahead of a stream to fetch, and in which pieces. Pure functions.
//
// Why these numbers: a window may never grow past a share of what the stream has proven
// to want, so a reader that stops after 64 MiB has cost at most 3/8 more; a stream of more
// than 128 MiB may have all ahead that it read beyond its first 80 MiB. Within that a window
// doubles each time the reader had to wait for a piece, and is an eighth of what was read in
// any case, up to 64 MiB.
//
// Pieces: each GET costs about 0.1 ms of CPU, and a connection gives only so much. From a far
// server (below kNearBytesPerS a connection, latency included: a bucket gives 100 MB/s) a window is
// fetched by as many GETs as may run (AdaptiveLimit), so that a small window already uses many
// connections. From a near one four are
// enough, and few large GETs cost the least (measured: docs/performance.md).
//
// When the server is near and processors are short, a window stays small (kHotWindowBytesMax): a reader then waits for
// the processor, not for the network, and bytes that are read while they still lie in its cache cost less. Copies into
// and out of 32 MiB that are used over and over took 0.11 CPU s/GiB, of 64 MiB and more 0.25 to 0.3.
#pragma once

#include <cstdint>

namespace ossfs2 {

inline constexpr uint64_t kWindowBytesMin = 512ull << 10;
inline constexpr uint64_t kWindowFreeBytes = 8ull << 20;  // allowed to any confirmed stream of 4 MiB
inline constexpr uint64_t kSteadyWindowBytesMax = 64ull << 20;
// Waits beyond that are for the processor, not the network.
inline constexpr uint64_t kNearWindowBytesMax = 128ull << 20;
inline constexpr uint64_t kHotWindowBytesMax = 16ull << 20;
inline constexpr uint64_t kPieceBytesMin = 1ull << 20;
inline constexpr uint64_t kNearPieces = 4;
inline constexpr uint64_t kNearBytesPerS = 300'000'000;

// The most that a stream which has read `consumed` bytes may have ahead. `carried`: what a stream
// of a file before it, read to its end, had ahead; 0: nothing is known.
uint64_t WindowBound(uint64_t consumed, uint64_t carried);
// The window when the stream is recognised.
uint64_t FirstWindow(uint64_t consumed, uint64_t carried);
// The window of a stream whose reader does not wait.
uint64_t SteadyWindow(uint64_t window, uint64_t consumed, uint64_t budget);
// The window after its reader had to wait; never smaller than before, but for the budget.
uint64_t GrownWindow(uint64_t window, uint64_t bound, uint64_t budget);
// How large the GETs for that window are; a multiple of the pool's block. `pieces`: kNearPieces, or the
// number of GETs that may run.
uint64_t PieceBytes(uint64_t window, uint64_t chunk_bytes, uint64_t budget, uint64_t pieces);

}  // namespace ossfs2
