-- ARGV: SHA-256. Returns 1 if no job uses that stored image, else 0. Either way it no longer waits to be removed.
redis.call('ZREM', 'blobs:unused', ARGV[1])
return 1 - redis.call('EXISTS', 'blob:' .. ARGV[1])
