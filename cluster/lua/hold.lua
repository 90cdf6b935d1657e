-- ARGV: node, who (an image worker's main process), milliseconds, '1' if it has only just started. Renews the key by which
-- `who` holds the node's name. Returns {'' or who else holds it, epoch seconds of the last sample}.
local key = 'worker:' .. ARGV[1]
local holder = redis.call('GET', key .. ':alive')
local leaving = ARGV[4] == '1' and redis.call('HGET', key, 'mode') == 'stopped'
if holder and holder ~= ARGV[2] and not leaving then return {holder, '0'} end
redis.call('SET', key .. ':alive', ARGV[2], 'PX', ARGV[3])
return {'', redis.call('HGET', key, 'last_heartbeat') or '0'}
