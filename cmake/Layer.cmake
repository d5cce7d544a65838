# simscale_layer(<name> SOURCES ... [DEPS ...] [PRIVATE_DEPS ...] [TESTS ...] [TORCH])
#
# One static library a layer, simscale_<name>, which links only what lies below it: the direction
# of the layers is the list of DEPS. TESTS become one binary <name>_test and one ctest entry.
# TORCH layers share one precompiled <torch/torch.h>, which costs over 20 s a file otherwise.
function(simscale_layer name)
  cmake_parse_arguments(ARG "TORCH" "" "SOURCES;DEPS;PRIVATE_DEPS;TESTS" ${ARGN})
  add_library(simscale_${name} STATIC ${ARG_SOURCES})
  target_include_directories(simscale_${name} PUBLIC ${CMAKE_SOURCE_DIR})
  target_link_libraries(simscale_${name} PUBLIC ${ARG_DEPS} PRIVATE simscale_warnings ${ARG_PRIVATE_DEPS})
  if(ARG_TORCH)
    target_link_libraries(simscale_${name} PUBLIC simscale_torch)
    simscale_use_torch_pch(simscale_${name})
  endif()
  if(ARG_TESTS AND BUILD_TESTING)
    add_executable(${name}_test ${ARG_TESTS})
    target_link_libraries(${name}_test PRIVATE simscale_${name} simscale_warnings GTest::gmock GTest::gmock_main)
    if(ARG_TORCH)
      simscale_use_torch_pch(${name}_test)
    endif()
    add_test(NAME ${name} COMMAND ${name}_test)
  endif()
endfunction()

# The first torch target compiles the header; the others reuse it (equal flags are required).
function(simscale_use_torch_pch target)
  if(NOT TARGET simscale_torch_pch)
    file(WRITE ${CMAKE_BINARY_DIR}/torch_pch.cc "")
    add_library(simscale_torch_pch STATIC ${CMAKE_BINARY_DIR}/torch_pch.cc)
    target_link_libraries(simscale_torch_pch PUBLIC simscale_torch PRIVATE simscale_warnings)
    target_precompile_headers(simscale_torch_pch PRIVATE <torch/torch.h>)
  endif()
  get_target_property(_type ${target} TYPE)
  if(_type STREQUAL "EXECUTABLE")  # CMake says -fPIE there, but the header was compiled with -fPIC
    set_target_properties(${target} PROPERTIES POSITION_INDEPENDENT_CODE OFF)
    target_compile_options(${target} PRIVATE -fPIC)
  endif()
  target_precompile_headers(${target} REUSE_FROM simscale_torch_pch)
endfunction()
