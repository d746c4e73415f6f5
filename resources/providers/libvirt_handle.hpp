// libvirt's handles and errors as values. Gate file: only libvirt_* include it.
#pragma once
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>

#include <cstdlib>
#include <memory>
#include <string>

#include "resources/providers/refused.hpp"

namespace cierzo::libvirt {

struct FreeDomain {
  void operator()(virDomainPtr domain) const { virDomainFree(domain); }
};
using Domain = std::unique_ptr<virDomain, FreeDomain>;

struct FreeText {
  void operator()(char* text) const { std::free(text); }
};
using Text = std::unique_ptr<char, FreeText>;

// The error of this thread's last call. It is valid until the thread's next call only, so it is
// read in the statement after the call that failed, before anything is freed.
struct Error {
  int code = VIR_ERR_OK;
  std::string text;
};
[[nodiscard]] inline Error last_error() {
  const virErrorPtr error = virGetLastError();
  if (error == nullptr) return {VIR_ERR_OK, "no reason given"};
  return {error->code, error->message != nullptr ? error->message : "no reason given"};
}

}  // namespace cierzo::libvirt
