// What the guard says, on standard error. It never waits for whoever reads that: a pipe that is
// full, a stopped journald or a terminal on hold lose lines, and hold up no pause.
#pragma once

namespace cierzo::guard {

class Voice {
 public:
  Voice();
  Voice(const Voice&) = delete;
  Voice& operator=(const Voice&) = delete;
  ~Voice();

  // "cierzo-guard: ..." and a newline. A line that finds no room is lost. Takes no memory.
  void say(const char* what, const char* about = "", const char* cure = "") const;

 private:
  int own_ = -1;  // Standard error once more, as a description of its own that does not block.
  bool socket_ = false;
};

}  // namespace cierzo::guard
