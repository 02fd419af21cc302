-- remove_file: have nobody find a file any more; its bytes are due to be deleted.
--
-- ARGV[3]  ref
--
-- Returns 'ok', 'kept' where a batch still reads them, 'missing' or 'newer'.

local file = read_file(ARGV[3])
if not is_found(file) then return 'missing' end
if file.newer then return 'newer' end
end_file(file)
return is_in_use(file.ref) and 'kept' or 'ok'
