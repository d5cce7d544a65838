# MuJoCo and LibTorch out of the pinned Python wheels, as imported targets of our own.
# The wheels' folder is asked from SIMSCALE_PYTHON (default: the project's .venv).
# A MuJoCo or LibTorch installed elsewhere is taken from SIMSCALE_MUJOCO_DIR / SIMSCALE_TORCH_DIR.

if(SKBUILD)  # `pip install .`: the interpreter that pip builds for
  set(SIMSCALE_PYTHON "${Python_EXECUTABLE}")
elseif(NOT SIMSCALE_PYTHON)
  set(SIMSCALE_PYTHON "${CMAKE_SOURCE_DIR}/.venv/bin/python" CACHE FILEPATH
      "Python whose site-packages hold the pinned wheels")
endif()
if(NOT EXISTS "${SIMSCALE_PYTHON}")
  message(FATAL_ERROR "no Python at ${SIMSCALE_PYTHON}: run 'make setup' first, or pass -DSIMSCALE_PYTHON=...")
endif()
# Where `import mujoco` would find it; not always in site-packages: pip builds wheels in an environment
# of its own. -P: what lies in the present folder has no say.
execute_process(
  COMMAND "${SIMSCALE_PYTHON}" -P -c "import importlib.util, os
spec = importlib.util.find_spec('mujoco')
print(os.path.dirname(spec.submodule_search_locations[0]) if spec else '')"
  OUTPUT_VARIABLE SIMSCALE_SITE_PACKAGES OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
if(NOT SIMSCALE_SITE_PACKAGES)
  set(SIMSCALE_SITE_PACKAGES "${CMAKE_BINARY_DIR}/no-mujoco")  # named in the messages below
endif()

# --- MuJoCo -------------------------------------------------------------------------------------
set(SIMSCALE_MUJOCO_DIR "${SIMSCALE_SITE_PACKAGES}/mujoco" CACHE PATH "folder with include/mujoco and libmujoco")
file(GLOB _mujoco_lib "${SIMSCALE_MUJOCO_DIR}/libmujoco.so*" "${SIMSCALE_MUJOCO_DIR}/lib/libmujoco.so*")
if(NOT _mujoco_lib)
  message(FATAL_ERROR "no libmujoco under ${SIMSCALE_MUJOCO_DIR}: run 'make setup', or pass -DSIMSCALE_MUJOCO_DIR=...")
endif()
list(GET _mujoco_lib 0 _mujoco_lib)
add_library(mujoco::mujoco SHARED IMPORTED GLOBAL)
set(SIMSCALE_MUJOCO_LIBRARY "${_mujoco_lib}")
set_target_properties(mujoco::mujoco PROPERTIES IMPORTED_LOCATION "${_mujoco_lib}")
target_include_directories(mujoco::mujoco SYSTEM INTERFACE "${SIMSCALE_MUJOCO_DIR}/include")

# --- LibTorch -----------------------------------------------------------------------------------
# The wheel's own CMake config wants a full CUDA toolkit with a CUDA wheel, so the target is ours.
set(SIMSCALE_TORCH_DIR "${SIMSCALE_SITE_PACKAGES}/torch" CACHE PATH "folder with LibTorch's include/ and lib/")
if(NOT EXISTS "${SIMSCALE_TORCH_DIR}/lib/libtorch.so")
  message(FATAL_ERROR "no LibTorch under ${SIMSCALE_TORCH_DIR}: run 'make setup', or pass -DSIMSCALE_TORCH_DIR=...")
endif()
add_library(simscale_torch INTERFACE)
target_include_directories(simscale_torch SYSTEM INTERFACE
  "${SIMSCALE_TORCH_DIR}/include" "${SIMSCALE_TORCH_DIR}/include/torch/csrc/api/include")
set(_torch_libs "${SIMSCALE_TORCH_DIR}/lib/libtorch.so" "${SIMSCALE_TORCH_DIR}/lib/libtorch_cpu.so"
                "${SIMSCALE_TORCH_DIR}/lib/libc10.so")
set(SIMSCALE_WITH_CUDA OFF)
if(EXISTS "${SIMSCALE_TORCH_DIR}/lib/libtorch_cuda.so")
  set(SIMSCALE_WITH_CUDA ON)
  list(APPEND _torch_libs "${SIMSCALE_TORCH_DIR}/lib/libtorch_cuda.so" "${SIMSCALE_TORCH_DIR}/lib/libc10_cuda.so")
  target_link_options(simscale_torch INTERFACE -Wl,--allow-shlib-undefined)
endif()
# NCCL's process group is in libtorch_cuda; its header wants CUDA's and NCCL's, out of wheels (those of
# requirements-cuda.txt among them) or a toolkit.
set(SIMSCALE_NCCL_INCLUDES "")
if(SIMSCALE_WITH_CUDA)
  get_filename_component(_site "${SIMSCALE_TORCH_DIR}" DIRECTORY)
  set(_hints "${_site}/nvidia/cu13/include" "${_site}/nvidia/cu13/include/cccl" "${_site}/nvidia/nccl/include"
             /usr/local/cuda/include /usr/local/cuda/include/cccl)
  foreach(_header cuda_runtime_api.h crt/host_config.h nv/target nccl.h)
    string(MAKE_C_IDENTIFIER "SIMSCALE_${_header}_INCLUDE" _found)
    find_path(${_found} ${_header} HINTS ${_hints})
    list(APPEND SIMSCALE_NCCL_INCLUDES "${${_found}}")
  endforeach()
  list(REMOVE_DUPLICATES SIMSCALE_NCCL_INCLUDES)
  if(SIMSCALE_NCCL_INCLUDES MATCHES "NOTFOUND")
    message(STATUS "no NCCL: some of its headers are missing (requirements-cuda.txt)")
    set(SIMSCALE_NCCL_INCLUDES "")
  endif()
endif()
# libtorch_cuda registers its kernels from static initialisers: nothing refers to it by name.
target_link_options(simscale_torch INTERFACE "LINKER:--no-as-needed")
target_link_libraries(simscale_torch INTERFACE ${_torch_libs})
message(STATUS "MuJoCo ${_mujoco_lib}; LibTorch ${SIMSCALE_TORCH_DIR} (CUDA ${SIMSCALE_WITH_CUDA})")
