-- ARGV: the history as it was read, the new one, the policy to follow, why ('' = no switch).
-- Returns 1, or 0 where adaptive is no longer in force or another evaluation was faster: then nothing changes.
if redis.call('GET', 'policy') ~= 'adaptive' then return 0 end
if (redis.call('GET', 'policy:history') or '') ~= ARGV[1] then return 0 end
redis.call('SET', 'policy:history', ARGV[2])
if ARGV[4] ~= '' then
  redis.call('SET', 'policy:adapted', ARGV[3])
  emit('type', 'policy', 'policy', 'adaptive', 'follows', ARGV[3], 'detail', ARGV[4])
end
return 1
