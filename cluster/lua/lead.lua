-- ARGV: candidate, milliseconds. Takes or renews the leader lease; returns 1 for the leader.
local holder = redis.call('GET', 'leader')
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', 'leader', ARGV[1], 'PX', ARGV[2])
return 1
