// A descriptor that is kept for the moment when there are no more of them. libzmq has no answer to
// accept() that fails with EMFILE: the connection stays in the kernel's queue, the socket stays
// readable, and its I/O thread turns at full speed until somebody closes something. Giving this one
// up lets it take that connection in, which can then be hung up on; what it had is the next one's.
// (The remedy of libev's manual, "The special problem of accept()ing when you can't".)
#pragma once

namespace cierzo {

class SpareDescriptor {
 public:
  SpareDescriptor() { (void)take(); }
  ~SpareDescriptor() { give_up(); }
  SpareDescriptor(const SpareDescriptor&) = delete;
  SpareDescriptor& operator=(const SpareDescriptor&) = delete;

  // True: it is held, since before or since now. False: there is still none to be had, neither for
  // this process nor, where the system itself is out of them, for any.
  [[nodiscard]] bool take();
  void give_up();

 private:
  int fd_ = -1;
};

}  // namespace cierzo
