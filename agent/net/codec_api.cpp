#include "agent/net/codec_api.hpp"

#include <google/protobuf/util/json_util.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <type_traits>
#include <utility>

#include "agent/net/codec_views.hpp"
#include "manifests/print.hpp"
#include "manifests/value.hpp"

namespace cierzo::api {
namespace {

namespace pb = google::protobuf;

constexpr std::ptrdiff_t json_parts_max = 500'000;

// ---- JSON and YAML of a message

std::string json_of(const pb::Message& message) {
  pb::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  options.always_print_primitive_fields = true;
  std::string out;
  // It cannot fail: every text went through utf8() or is `bytes`, and there is no Any.
  (void)pb::util::MessageToJsonString(message, &out, options);
  return out;
}

manifests::Value value_of(const pb::Message& message);

// One value of a field; `index` is -1 where the field is not repeated.
manifests::Value value_of(const pb::Message& message, const pb::FieldDescriptor* field, int index) {
  using Kind = pb::FieldDescriptor::CppType;
  const pb::Reflection& r = *message.GetReflection();
  const bool one = index < 0;
  switch (field->cpp_type()) {
    case Kind::CPPTYPE_BOOL:
      return {one ? r.GetBool(message, field) : r.GetRepeatedBool(message, field, index), {}};
    case Kind::CPPTYPE_UINT32:
      return {std::int64_t{one ? r.GetUInt32(message, field)
                               : r.GetRepeatedUInt32(message, field, index)},
              {}};
    case Kind::CPPTYPE_INT32:
      return {std::int64_t{one ? r.GetInt32(message, field)
                               : r.GetRepeatedInt32(message, field, index)},
              {}};
    case Kind::CPPTYPE_DOUBLE: {
      const double real =
          one ? r.GetDouble(message, field) : r.GetRepeatedDouble(message, field, index);
      if (std::trunc(real) == real) return {static_cast<std::int64_t>(real), {}};
      return {real, {}};
    }
    case Kind::CPPTYPE_STRING:
      return {one ? r.GetString(message, field) : r.GetRepeatedString(message, field, index), {}};
    case Kind::CPPTYPE_MESSAGE:
      if (one && !r.HasField(message, field)) return {};
      return value_of(one ? r.GetMessage(message, field)
                          : r.GetRepeatedMessage(message, field, index));
    default:
      return {};  // The views have nothing else.
  }
}

// The fields in the order of the schema, as JSON has them.
manifests::Value value_of(const pb::Message& message) {
  manifests::Hash hash;
  for (int i = 0; i < message.GetDescriptor()->field_count(); ++i) {
    const pb::FieldDescriptor* field = message.GetDescriptor()->field(i);
    manifests::Value value;
    if (field->is_repeated()) {
      manifests::Array array;
      const int size = message.GetReflection()->FieldSize(message, field);
      for (int k = 0; k < size; ++k) array.push_back(value_of(message, field, k));
      value.data = std::move(array);
    } else {
      value = value_of(message, field, -1);
    }
    hash.push_back({field->name(), std::move(value), {}});
  }
  return {std::move(hash), {}};
}

void read_checked(const wire::ApplyRequest& from, ApplyRequest& to, std::string& error) {
  read(from, to, error);
}
template <class From, class To>
void read_checked(const From& from, To& to, std::string&) {
  read(from, to);
}

template <class View>
struct Wire;
#define CIERZO_WIRE(VIEW)       \
  template <>                   \
  struct Wire<VIEW> {           \
    using Message = wire::VIEW; \
  }
CIERZO_WIRE(StatusView);
CIERZO_WIRE(HostChange);
CIERZO_WIRE(ApplyRequest);
CIERZO_WIRE(PlanView);
CIERZO_WIRE(ApplyAnswer);
CIERZO_WIRE(ScaleRequest);
CIERZO_WIRE(ResetRequest);
CIERZO_WIRE(OutputsView);
CIERZO_WIRE(ConfirmRequest);
CIERZO_WIRE(ConfirmView);
CIERZO_WIRE(RecoverRequest);
CIERZO_WIRE(RecoverView);
CIERZO_WIRE(EventRow);
CIERZO_WIRE(EventsView);
CIERZO_WIRE(TypesView);
CIERZO_WIRE(VersionView);
CIERZO_WIRE(ErrorView);
CIERZO_WIRE(VersionsView);
CIERZO_WIRE(KeyView);
CIERZO_WIRE(ValidateView);
#undef CIERZO_WIRE

template <class View>
typename Wire<View>::Message message_of(const View& view) {
  typename Wire<View>::Message message;
  fill(view, message);
  return message;
}

}  // namespace

template <class View>
std::string to_json(const View& view) {
  std::string json = json_of(message_of(view));
  if constexpr (std::is_same_v<View, StatusView>) {
    // protobuf leaves out a message that is not set, whatever its options; people look for the
    // name.
    if (!view.leader) json.insert(1, "\"leader\":null,");
  }
  return json;
}

template <class View>
std::string to_yaml(const View& view) {
  return manifests::to_yaml(value_of(message_of(view)));
}

template <class View>
std::variant<View, JsonError> from_json(std::string_view json) {
  // As of a message between agents: `{},{},{}` would take a hundred times its room. Characters in
  // strings count as well: what is long there (files) is Base64, which has none of these.
  const auto parts = std::count_if(json.begin(), json.end(),
                                   [](char c) { return c == ',' || c == '{' || c == '['; });
  if (parts > json_parts_max) return JsonError{"it has too many parts"};
  typename Wire<View>::Message message;
  pb::util::JsonParseOptions options;
  options.ignore_unknown_fields = true;
  const auto status = pb::util::JsonStringToMessage({json.data(), json.size()}, &message, options);
  if (!status.ok()) return JsonError{std::string(status.message())};
  View view;
  std::string error;
  read_checked(message, view, error);
  if (!error.empty()) return JsonError{error};
  return view;
}

template std::string to_json(const StatusView&);
template std::string to_json(const HostChange&);
template std::string to_json(const ApplyRequest&);
template std::string to_json(const PlanView&);
template std::string to_json(const ApplyAnswer&);
template std::string to_json(const ScaleRequest&);
template std::string to_json(const ResetRequest&);
template std::string to_json(const OutputsView&);
template std::string to_json(const ConfirmRequest&);
template std::string to_json(const ConfirmView&);
template std::string to_json(const RecoverRequest&);
template std::string to_json(const RecoverView&);
template std::string to_json(const EventRow&);
template std::string to_json(const EventsView&);
template std::string to_json(const TypesView&);
template std::string to_json(const VersionView&);
template std::string to_json(const ErrorView&);
template std::string to_json(const VersionsView&);
template std::string to_json(const KeyView&);
template std::string to_json(const ValidateView&);

template std::string to_yaml(const StatusView&);
template std::string to_yaml(const PlanView&);
template std::string to_yaml(const ApplyAnswer&);
template std::string to_yaml(const ConfirmView&);
template std::string to_yaml(const RecoverView&);
template std::string to_yaml(const EventRow&);
template std::string to_yaml(const TypesView&);
template std::string to_yaml(const OutputsView&);
template std::string to_yaml(const ErrorView&);
template std::string to_yaml(const VersionsView&);
template std::string to_yaml(const KeyView&);
template std::string to_yaml(const ValidateView&);

template std::variant<StatusView, JsonError> from_json(std::string_view);
template std::variant<HostChange, JsonError> from_json(std::string_view);
template std::variant<ApplyRequest, JsonError> from_json(std::string_view);
template std::variant<PlanView, JsonError> from_json(std::string_view);
template std::variant<ApplyAnswer, JsonError> from_json(std::string_view);
template std::variant<ScaleRequest, JsonError> from_json(std::string_view);
template std::variant<ResetRequest, JsonError> from_json(std::string_view);
template std::variant<OutputsView, JsonError> from_json(std::string_view);
template std::variant<ConfirmRequest, JsonError> from_json(std::string_view);
template std::variant<ConfirmView, JsonError> from_json(std::string_view);
template std::variant<RecoverRequest, JsonError> from_json(std::string_view);
template std::variant<RecoverView, JsonError> from_json(std::string_view);
template std::variant<EventsView, JsonError> from_json(std::string_view);
template std::variant<TypesView, JsonError> from_json(std::string_view);
template std::variant<VersionView, JsonError> from_json(std::string_view);
template std::variant<ErrorView, JsonError> from_json(std::string_view);

}  // namespace cierzo::api
