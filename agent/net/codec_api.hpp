// The views of the control socket as JSON, by protobuf's own mapping, so that the wire between
// hosts and the API share one schema (cierzo.proto) and one gate. Every field is always present, an
// absent leader is null, numbers are numbers. Secrets of resources are in the JSON of an
// ApplyRequest, and nowhere else.
#pragma once

#include <string>
#include <string_view>
#include <variant>

#include "agent/api/views.hpp"

namespace cierzo::api {

// Why a text is not the JSON that was expected. Fields that are not known are passed over, so that
// a newer program may talk to an older one.
struct JsonError {
  std::string text;
};

// All of this is for the structures of views.hpp that are a body or are printed; defined in
// codec_api.cpp.
template <class View>
[[nodiscard]] std::string to_json(const View& view);

// The same as a YAML document, from the same fields in the same order.
template <class View>
[[nodiscard]] std::string to_yaml(const View& view);

// from_json<StatusView>(body)
template <class View>
[[nodiscard]] std::variant<View, JsonError> from_json(std::string_view json);

}  // namespace cierzo::api
