# The one schema of wire, state and API, as the library cierzo_wire. Generated code is not ours to
# warn about: it is a system include. (Included by agent/net and by tests/fuzz.)
find_package(PkgConfig REQUIRED)
pkg_check_modules(PROTOBUF REQUIRED IMPORTED_TARGET GLOBAL protobuf)
set(wire_dir ${CMAKE_BINARY_DIR}/generated)
file(MAKE_DIRECTORY ${wire_dir})
find_program(PROTOC protoc REQUIRED)
add_custom_command(
  OUTPUT ${wire_dir}/agent/net/cierzo.pb.cc ${wire_dir}/agent/net/cierzo.pb.h
  COMMAND ${PROTOC} -I ${CMAKE_SOURCE_DIR} --cpp_out=${wire_dir} agent/net/cierzo.proto
  DEPENDS ${CMAKE_SOURCE_DIR}/agent/net/cierzo.proto
  VERBATIM)
add_library(cierzo_wire STATIC ${wire_dir}/agent/net/cierzo.pb.cc ${wire_dir}/agent/net/cierzo.pb.h)
target_include_directories(cierzo_wire SYSTEM PUBLIC ${wire_dir})
target_link_libraries(cierzo_wire PUBLIC PkgConfig::PROTOBUF)
