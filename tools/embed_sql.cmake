# Writes numbered SQL scripts as a C table: cmake -DOUT=schema.c "-DFILES=001_a.sql 002_b.sql" -P …
separate_arguments(FILES)
list(SORT FILES)
set(rows "")
foreach(file ${FILES})
  get_filename_component(name ${file} NAME_WE)
  string(REGEX REPLACE "^0*([0-9]+)_.*" "\\1" number ${name})
  string(APPEND rows "    {${number}, \"${name}\",\n")
  file(READ ${file} text)
  string(REPLACE "\\" "\\\\" text "${text}")
  string(REPLACE "\"" "\\\"" text "${text}")
  string(REPLACE "\n" "\\n\"\n     \"" text "${text}")
  string(APPEND rows "     \"${text}\"},\n")
endforeach()
file(WRITE ${OUT}
  "#include \"fleet/schema.h\"\n\nconst struct migration SCHEMA[] = {\n${rows}};\n"
  "const size_t SCHEMA_COUNT = sizeof SCHEMA / sizeof *SCHEMA;\n")
